"""What is written about mailings: to who may approve one, and to its author."""

from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import NO_SUBJECT, House, notice
from mailserver.texts.text import Text

PAGE = "/envois-en-nombre"
MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class About:
    """A mailing as notices name it."""

    subject: str
    people: int
    author: str
    expires: int = 0


def to_approve(house: House, to: str, what: About, *, token: bytes, now: float) -> bytes:
    """To those who may let it pass: who wrote it, to how many, and where to decide."""
    text = Text(
        "Bonjour,\n\n"
        "Un envoi en nombre attend l'accord d'une deuxième personne, dont vous pouvez être :\n\n"
        "De : {author}\n"
        "Objet : {subject}\n"
        "Destinataires : {people}\n\n"
        "Pour le lire, l'approuver ou le refuser :\n"
        "{link}\n\n"
        "Sans réponse, il sera abandonné le {expires}.",
        **_named(house, what),
    )
    subject = house.say(Text("Un envoi en nombre attend votre accord"))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)


def waits(house: House, to: Correspondent, what: About, *, token: bytes, now: float) -> bytes:
    """To its author: nobody has it yet."""
    text = Text(
        "Bonjour,\n\n"
        "Votre message « {subject} » s'adresse à {people} personnes : c'est un envoi en nombre.\n"
        "Il partira quand une deuxième personne l'aura approuvé, au plus tard le {expires}.\n\n"
        "Pour le suivre, le programmer ou l'annuler :\n"
        "{link}",
        **_named(house, what),
    )
    return notice(house, to, house.say(Text("Votre envoi en nombre attend un accord")), text, token=token, now=now)


def not_sent(house: House, to: Correspondent, what: About, why: Text, *, token: bytes, now: float) -> bytes:
    """To its author: nobody gets it."""
    text = Text(
        "Bonjour,\n\n"
        "Votre envoi en nombre « {subject} » n'a pas été envoyé :\n"
        "{why}\n\n"
        "Sa copie, s'il y en a une, est toujours dans vos messages envoyés.",
        why=why,
        **_named(house, what),
    )
    return notice(house, to, house.say(Text("Envoi en nombre non envoyé")), text, token=token, now=now)


def stopped(house: House, to: Correspondent, what: About, reached: int, *, token: bytes, now: float) -> bytes:
    """To its author: somebody else has stopped it. `what.expires`: until when it may go on."""
    text = Text(
        "Bonjour,\n\n"
        "Votre envoi en nombre « {subject} » a été arrêté. Il est arrivé à {reached} destinataires sur {people} ; "
        "les autres ne le reçoivent pas pour le moment.\n"
        "S'il n'est pas repris, il sera abandonné le {expires}.\n\n"
        "Pour le suivre ou l'annuler :\n"
        "{link}",
        reached=reached,
        **_named(house, what),
    )
    return notice(house, to, house.say(Text("Votre envoi en nombre est arrêté")), text, token=token, now=now)


def abandoned(house: House, to: Correspondent, what: About, reached: int, *, token: bytes, now: float) -> bytes:
    """To its author and to IT: nobody resumed it, or it could not leave, and nobody else gets it."""
    text = Text(
        "Bonjour,\n\n"
        "Cet envoi en nombre était arrêté, ou n'a pas pu partir à son heure, et personne ne l'a repris à temps :\n\n"
        "De : {author}\n"
        "Objet : {subject}\n"
        "Reçu par : {reached} destinataires sur {people}\n\n"
        "Personne d'autre ne le recevra. Pour le voir :\n"
        "{link}",
        reached=reached,
        **_named(house, what),
    )
    return notice(house, to, house.say(Text("Envoi en nombre abandonné")), text, token=token, now=now)


def _named(house: House, what: About) -> dict[str, object]:
    """What every notice may say of a mailing."""
    return {
        "author": _shown(what.author),
        "subject": _shown(what.subject) or NO_SUBJECT,
        "people": what.people,
        "link": f"{house.url}{PAGE}",
        "expires": house.day(what.expires),
    }


def refused(reason: str) -> Text:
    """Why it was not sent, where somebody refused it."""
    if not reason:
        return Text("il n'a pas été approuvé.")
    return Text("il n'a pas été approuvé. Motif : {why}", why=_shown(reason))


def full(name: str) -> Text:
    """Why it was not sent, where a moderated list keeps no more messages."""
    return Text(
        "la liste {list} garde déjà trop de messages qui attendent ses modérateurs. Réessayez quand ils auront décidé.",
        list=_shown(name),
    )


EXPIRED = Text("personne ne l'a approuvé à temps.")
NOBODY = Text("aucun de ses destinataires ne peut le recevoir.")


def _shown(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_SHOWN]
