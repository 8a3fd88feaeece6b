"""Refusals as people read them."""

from datetime import date, datetime

from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Population, Writers
from mailserver.model.sending.sending_limits import Judged, What
from mailserver.texts.catalogue import NC_
from mailserver.texts.dates import Moment
from mailserver.texts.text import Text, both

_SUBJECTS = {
    Population.PUPIL: Text("Les élèves"),
    Population.TEACHER: Text("Les enseignants"),
    Population.STAFF: Text("Les personnels administratifs"),
    Population.OUTSIDE: Text("Les correspondants extérieurs à l’académie"),
}
_CONCERNED = {
    Population.PUPIL: Text("les élèves"),
    Population.TEACHER: Text("les enseignants"),
    Population.STAFF: Text("les personnels administratifs"),
    Population.OUTSIDE: Text("les correspondants extérieurs à l’académie"),
}
_OBJECTS = {
    Population.PUPIL: Text("aux élèves"),
    Population.TEACHER: Text("aux enseignants"),
    Population.STAFF: Text("aux personnels administratifs"),
    Population.OUTSIDE: Text("à l’extérieur de l’académie"),
}
_WITH = {
    Population.PUPIL: Text("avec les élèves"),
    Population.TEACHER: Text("avec les enseignants"),
    Population.STAFF: Text("avec les personnels administratifs"),
    Population.OUTSIDE: Text("avec l’extérieur de l’académie"),
}
_SOMEBODY = Text("Les personnes dont le rôle n’est pas connu")
_WITH_SOMEBODY = Text("avec des personnes dont le rôle n’est pas connu")
_WRITERS = {
    Writers.ANYONE: Text(NC_("who may write", "tout le monde")),
    Writers.HOUSE: Text("les personnes de l’académie"),
    Writers.PERSONNEL: Text("les enseignants et les personnels"),
    Writers.STAFF: Text("les personnels administratifs"),
    Writers.MEMBERS: Text("ses membres"),
    Writers.OWNERS: Text("ses propriétaires"),
}


class Denied(Refused):
    """A rule refuses: `text` in both languages."""

    def __init__(self, said: Text) -> None:
        super().__init__(Reason.FORBIDDEN, both(said))
        self.said = said

    def about(self, address: str) -> "Denied":
        """The same, saying which recipient it is about."""
        return Denied(Text("{address} : {why}", address=address, why=self.said))


class SentTooMuch(Denied):
    """Somebody has sent more than one account may within that time; the text says when to try again."""

    def __init__(self, said: Text) -> None:
        super().__init__(said)
        self.reason = Reason.LIMIT


class TooLarge(Denied):
    """A list takes smaller messages only."""

    def __init__(self, most: int) -> None:
        super().__init__(Text("Cette liste ne prend que des messages de {most} Ko au plus.", most=most // 1024))
        self.reason = Reason.TOO_BIG


class Unauthenticated(Denied):
    """The domain that a message says it is from does not stand behind it, and asks that such mail be refused."""

    def __init__(self, domain: str) -> None:
        super().__init__(
            Text("rien ne prouve que ce message vient de {domain}, qui demande de le refuser (DMARC).", domain=domain)
        )


class Braked(Temporary):
    """Mail from outside that has to wait: its server keeps it and tries again."""


def may_not_write(sender: Population, recipient: Population) -> Denied:
    """The table of populations says no."""
    return Denied(Text("{who} ne peuvent pas écrire {whom}.", who=_SUBJECTS[sender], whom=_OBJECTS[recipient]))


def may_not_share(owner: Population | None, reader: Population | None) -> Denied:
    """The table of populations keeps one from sharing with the other."""
    who = _SUBJECTS[owner] if owner else _SOMEBODY
    whom = _WITH[reader] if reader else _WITH_SOMEBODY
    return Denied(Text("{who} ne peuvent pas partager ainsi {whom}.", who=who, whom=whom))


def may_not_share_widely() -> Denied:
    """Sharing with everybody or with a list is for the administration."""
    return Denied(Text("Seuls les personnels administratifs peuvent partager avec tout le monde ou avec une liste."))


def may_not_send(population: Population) -> Denied:
    """The brake is on."""
    who = _CONCERNED[population]
    return Denied(Text("L’envoi de messages est momentanément suspendu. Concernés : {who}.", who=who))


def not_a_writer(writers: Writers) -> Denied:
    """The list's policy says no."""
    return Denied(Text("À cette liste, seuls peuvent écrire {who}.", who=_WRITERS[writers]))


def list_ended(day: date) -> Denied:
    """The list's time is over."""
    return Denied(Text("Cette liste ne reçoit plus de messages depuis le {day:%d/%m/%Y}.", day=day))


def too_many_messages(most: int) -> Text:
    """A list has sent on what it may within an hour."""
    return Text("Cette liste a déjà transmis {most} messages en une heure. Réessayez plus tard.", most=most)


def no_reports() -> Denied:
    """A report (null reverse-path) is for the author of something, never for a list."""
    return Denied(Text("Une liste ne reçoit pas d’avis automatiques."))


def too_large(limit: int) -> Denied:
    """More members than one message can be delivered to."""
    return Denied(Text("Cette liste compte plus de {limit} membres : elle ne peut rien recevoir.", limit=limit))


_SPANS = {
    60: Text("une minute"),
    600: Text("dix minutes"),
    3600: Text("une heure"),
    36000: Text("dix heures"),
    86400: Text("un jour"),
}


def span(seconds: int) -> Text:
    """The length of a window of the sending limits, as people say it."""
    return _SPANS.get(seconds) or Text("{seconds} secondes", seconds=seconds)


def exceeded(judged: Judged, most: int) -> Text:
    """What an account has too much of."""
    facts = {"count": judged.count, "span": span(judged.mark.seconds), "most": most}
    match judged.what:
        case What.RECIPIENTS:
            return Text("{count} destinataires en {span}, pour {most} permis", **facts)
        case What.NEW_OUTSIDE:
            return Text("{count} nouveaux correspondants extérieurs en {span}, pour {most} permis", **facts)
        case What.FAILURES:
            return Text("{count} adresses refusées par d’autres serveurs en {span}, pour {most} permises", **facts)


def mailings_that_day(count: int) -> SentTooMuch:
    """As many mailings of somebody leave on one day as may."""
    return SentTooMuch(
        Text(
            "Un message à autant de personnes est un envoi en nombre, et ce jour-là part déjà ce que vous pouvez "
            "envoyer ainsi en un jour ({count}). Choisissez un autre jour.",
            count=count,
        )
    )


def mailings_dropped(count: int) -> SentTooMuch:
    """So many mailings of somebody came to nothing within a day, and each was looked at."""
    return SentTooMuch(
        Text("{count} de vos envois en nombre ont été annulés ou refusés en un jour. Réessayez demain.", count=count)
    )


def mailings_open(count: int) -> SentTooMuch:
    """So many mailings of somebody are not over."""
    return SentTooMuch(Text("{count} de vos envois en nombre attendent déjà ou sont en cours.", count=count))


def sent_too_much(judged: Judged, again: datetime) -> SentTooMuch:
    """The second mark was passed."""
    why = exceeded(judged, judged.mark.refuse)
    return SentTooMuch(Text("Trop d’envois : {why}. Réessayez après le {again}.", why=why, again=Moment(again)))
