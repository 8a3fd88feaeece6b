"""What people are told of a message that they reported as phishing."""

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import House, notice
from mailserver.texts.text import Text

_WITHDRAWN = Text(
    "Il a été reconnu comme dangereux et retiré de toutes les boîtes de l'académie,\n"
    "de la vôtre aussi. Votre signalement a protégé vos collègues.\n\n"
    "Si vous aviez répondu, ouvert un lien ou donné un mot de passe, appelez le service informatique."
)
_DISMISSED = Text(
    "Il a été examiné : rien de dangereux n'y a été trouvé. S'il est dans votre dossier Indésirables,\n"
    "vous pouvez l'en sortir.\n\n"
    "Continuez à signaler ce qui vous paraît douteux : un signalement de trop ne gêne personne."
)


def thanks(house: House, to: Correspondent, reported: int, *, withdrawn: bool, token: bytes, now: float) -> bytes:
    """To who reported a message: thanks, and what became of it.

    Not a word of the message's: a stranger's subject or name would stand in a mail that people believe.
    """
    text = Text(
        "Bonjour,\n\nMerci d'avoir signalé un message le {day}.\n\n{outcome}",
        day=house.day(reported),
        outcome=_WITHDRAWN if withdrawn else _DISMISSED,
    )
    return notice(house, to, house.say(Text("Merci de votre signalement")), text, token=token, now=now)
