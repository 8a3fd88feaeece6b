"""Refusals as people read them: one sentence in French, the same in English."""

from datetime import date

from mailserver.errors import Reason, Refused, Temporary
from mailserver.identity import Population, Writers

_SUBJECTS = {
    Population.PUPIL: ("Les élèves", "Pupils"),
    Population.TEACHER: ("Les enseignants", "Teachers"),
    Population.STAFF: ("Les personnels administratifs", "Administrative staff"),
    Population.OUTSIDE: ("Les correspondants extérieurs à l’académie", "Correspondents outside the academy"),
}
_OBJECTS = {
    Population.PUPIL: ("aux élèves", "pupils"),
    Population.TEACHER: ("aux enseignants", "teachers"),
    Population.STAFF: ("aux personnels administratifs", "administrative staff"),
    Population.OUTSIDE: ("à l’extérieur de l’académie", "people outside the academy"),
}
_WITH = {
    Population.PUPIL: ("avec les élèves", "with pupils"),
    Population.TEACHER: ("avec les enseignants", "with teachers"),
    Population.STAFF: ("avec les personnels administratifs", "with administrative staff"),
    Population.OUTSIDE: ("avec l’extérieur de l’académie", "with people outside the academy"),
}
_SOMEBODY = ("Les personnes dont le rôle n’est pas connu", "People whose role is not known")
_WITH_SOMEBODY = ("avec des personnes dont le rôle n’est pas connu", "with people whose role is not known")
_WRITERS = {
    Writers.ANYONE: ("tout le monde", "anybody"),
    Writers.HOUSE: ("les personnes de l’académie", "people of the academy"),
    Writers.PERSONNEL: ("les enseignants et les personnels", "teachers and staff"),
    Writers.STAFF: ("les personnels administratifs", "administrative staff"),
    Writers.MEMBERS: ("ses membres", "its members"),
    Writers.OWNERS: ("ses propriétaires", "its owners"),
}


class Denied(Refused):
    """A rule refuses. `text` has both languages, French first; `french` and `english` one each."""

    def __init__(self, french: str, english: str) -> None:
        super().__init__(Reason.FORBIDDEN, f"{french} / {english}")
        self.french = french
        self.english = english

    def about(self, address: str) -> "Denied":
        """The same, saying which recipient it is about."""
        return Denied(f"{address} : {self.french}", f"{address}: {self.english}")


class Braked(Temporary):
    """Mail from outside that has to wait: its server keeps it and tries again."""


def may_not_write(sender: Population, recipient: Population) -> Denied:
    """The table of populations says no."""
    french = f"{_SUBJECTS[sender][0]} ne peuvent pas écrire {_OBJECTS[recipient][0]}."
    return Denied(french, f"{_SUBJECTS[sender][1]} may not write to {_OBJECTS[recipient][1]}.")


def may_not_share(owner: Population | None, reader: Population | None) -> Denied:
    """The table of populations keeps one from sharing with the other."""
    french, english = _SUBJECTS[owner] if owner else _SOMEBODY
    whom = _WITH[reader] if reader else _WITH_SOMEBODY
    return Denied(f"{french} ne peuvent pas partager ainsi {whom[0]}.", f"{english} may not share this way {whom[1]}.")


def may_not_share_widely() -> Denied:
    """Sharing with everybody or with a list is for the administration."""
    return Denied(
        "Seuls les personnels administratifs peuvent partager avec tout le monde ou avec une liste.",
        "Only administrative staff may share with everybody or with a list.",
    )


def may_not_send(population: Population) -> Denied:
    """The brake is on."""
    french, english = _SUBJECTS[population]
    return Denied(
        f"L’envoi de messages est momentanément suspendu. Concernés : {french[0].lower()}{french[1:]}.",
        f"Sending is suspended for the time being. Concerned: {english[0].lower()}{english[1:]}.",
    )


def not_a_writer(writers: Writers) -> Denied:
    """The list's policy says no."""
    french, english = _WRITERS[writers]
    return Denied(f"À cette liste, seuls peuvent écrire {french}.", f"Only {english} may write to this list.")


def list_ended(day: date) -> Denied:
    """The list's time is over."""
    return Denied(
        f"Cette liste ne reçoit plus de messages depuis le {day:%d/%m/%Y}.",
        f"This list takes no more messages since {day:%Y-%m-%d}.",
    )


def no_reports() -> Denied:
    """A report (null reverse-path) is for the author of something, never for a list."""
    return Denied(
        "Une liste ne reçoit pas d’avis automatiques.", "A list takes no automatic reports; write to its owners."
    )


def too_large(limit: int) -> Denied:
    """More members than one message can be delivered to."""
    return Denied(
        f"Cette liste compte plus de {limit} membres : elle ne peut rien recevoir.",
        f"This list has more than {limit} members: it can take no message.",
    )
