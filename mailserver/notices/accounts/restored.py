"""What somebody is told for whom something came back out of a backup."""

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import House, notice
from mailserver.texts.catalogue import N_
from mailserver.texts.text import Text

_TOLD = N_(
    "Bonjour,\n\nL'informatique de l'académie a restauré, pour {address}, d'une sauvegarde du {when} :\n\n    {what}"
)
_BESIDE = N_(
    "{told}\n\n"
    "Rien de ce que vous aviez n'a été remplacé ni supprimé. Gardez ce dont vous avez besoin ;\n"
    "vous pouvez supprimer le reste."
)


def build(house: House, address: str, made: int, what: Text, *, beside: bool = True, token: bytes, now: float) -> bytes:
    """To its owner. `made`: when the backup was; `what`: which things, and where they are; `beside` what there was."""
    text = Text(_TOLD, address=address, when=house.moment(made), what=what)
    if beside:
        text = Text(_BESIDE, told=text)
    subject = house.say(Text("Restauré depuis une sauvegarde"))
    return notice(house, Correspondent("", address), subject, text, token=token, now=now)
