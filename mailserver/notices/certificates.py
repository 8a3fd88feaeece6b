"""What administrators are told of a certificate that ends soon and was not renewed."""

from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import House, notice
from mailserver.texts.text import Text


@dataclass(frozen=True, slots=True)
class Ending:
    """The certificate that the doors present."""

    host: str
    ends: int
    why: Text | None
    """Why it was not renewed by itself; None: nobody was to."""


def ending(house: House, what: Ending, to: str, *, token: bytes, now: float) -> bytes:
    """To administrators: when it ends, what then happens, what to do."""
    if what.ends <= now:
        state = Text("Le certificat de {host} a expiré le {end}.", host=what.host, end=house.moment(what.ends))
    else:
        state = Text("Le certificat de {host} expire le {end}.", host=what.host, end=house.moment(what.ends))
    if what.why is None:
        cause = Text("Aucun renouvellement automatique n'est en place pour lui.")
    else:
        cause = Text("Son renouvellement automatique n'aboutit pas : {why}.", why=what.why)
    text = Text(
        "Bonjour,\n\n"
        "{state}\n"
        "Ensuite les navigateurs et les logiciels de messagerie avertissent tout le monde ou refusent la connexion,\n"
        "et d'autres serveurs ne remettent plus de courrier là où DANE ou MTA-STS l'exigent.\n\n"
        "{cause}\n"
        "Sur le serveur, `mailserver check` et `mailserver certificate show` disent ce qu'il en est.\n"
        "Un certificat remplacé est relu sans redémarrage.",
        state=state,
        cause=cause,
    )
    subject = house.say(Text("Le certificat du service expire"))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)
