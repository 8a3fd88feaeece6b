"""What administrators are told of backups: what a trial of restoring found, and a backup that failed."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import House, notice
from mailserver.texts.text import Text, Translated, spoken

MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that came back and was read wholly."""

    id: str
    messages: int
    files: int


def tried(
    house: House, target: str, found: Restored | Sequence[Translated], to: str, *, token: bytes, now: float
) -> bytes:
    """To administrators: how the trial went. `target`: for people, without a password; `found`: or why it failed."""
    if isinstance(found, Restored):
        text = Text(
            "Bonjour,\n\n"
            "La sauvegarde {id} a été restaurée à part depuis {target}, et lue en entier :\n"
            "{messages} messages, {files} gros messages.\n\n"
            "Vous n'avez rien à faire.",
            id=found.id,
            target=target,
            messages=found.messages,
            files=found.files,
        )
        subject = house.say(Text("Essai de restauration : tout va bien"))
    else:
        text = Text(
            "Bonjour,\n\n"
            "La dernière sauvegarde de {target} n'a pas pu être restaurée, ou n'est pas entière :\n\n"
            "{why}\n\n"
            "Gardez ce qui est là, faites une sauvegarde nouvelle ailleurs, puis refaites l'essai :\n"
            "`mailserver backup DIR TARGET --key-file FILE --test`.",
            target=target,
            why=_listed(house, found),
        )
        subject = house.say(Text("Essai de restauration : ÉCHEC"))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)


def failed(house: House, target: str, why: Sequence[Translated], to: str, *, token: bytes, now: float) -> bytes:
    """To administrators: a backup was not made, or is no good."""
    text = Text(
        "Bonjour,\n\n"
        "La sauvegarde vers {target} a échoué, ou n'est pas bonne :\n\n"
        "{why}\n\n"
        "Tant qu'aucune n'a réussi, ce qui est arrivé depuis la dernière n'existe qu'ici.",
        target=target,
        why=_listed(house, why),
    )
    return notice(house, Correspondent("", to), house.say(Text("La sauvegarde a échoué")), text, token=token, now=now)


def _listed(house: House, why: Sequence[Translated]) -> str:
    return "\n".join(f"- {spoken(each, house.language, ' / ')}" for each in why[:MOST_FAULTS])
