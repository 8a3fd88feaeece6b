"""What an owner is told of a login that may have been somebody else's."""

from mailserver.mime.writing.fields import Correspondent
from mailserver.model.account import programs
from mailserver.model.account.login_places import Sign
from mailserver.notices.accounts.passwords import Owner
from mailserver.notices.house import House, notice
from mailserver.texts.text import Text

PAGE = "/compte/sessions"
_PROGRAMS = {
    programs.WEB: Text("un navigateur"),
    programs.MAIL: Text("un programme de messagerie"),
    programs.AGENDA: Text("un programme d’agenda"),
    programs.ADDRESSES: Text("un programme qui lit l’annuaire"),
}
_PACE = Text("d’un réseau nouveau, quelques minutes après un autre")
_NETWORK = Text("d’un réseau nouveau")
_PROGRAM = Text("avec un nouveau genre de programme")
_BOTH = Text("d’un réseau nouveau, avec un nouveau genre de programme")


def program(kind: str) -> str | Text:
    """A kind of program in words; a browser's name as it is."""
    return _PROGRAMS.get(kind, kind)


def why(signs: Sign) -> Text:
    """What was unusual."""
    if Sign.PACE in signs:
        return _PACE
    if Sign.NETWORK in signs:
        return _BOTH if Sign.PROGRAM in signs else _NETWORK
    return _PROGRAM


def unusual(
    house: House, owner: Owner, to: str, at: int, peer: str, kind: str, signs: Sign, *, token: bytes, now: float
) -> bytes:
    """The notice to one of the person's addresses."""
    text = Text(
        "Bonjour {name},\n\n"
        "Quelqu'un est entré dans votre compte {login}\n"
        "{why} :\n\n"
        "    le {when}, adresse {peer}, {program}\n\n"
        "C'était vous ? Il n'y a rien à faire.\n"
        "Sinon, changez votre mot de passe et fermez vos sessions :\n\n"
        "    {link}\n\n"
        "et appelez sans attendre : votre compte peut être bloqué.",
        name=owner.name,
        login=owner.login,
        why=why(signs),
        when=house.moment(at),
        peer=peer,
        program=program(kind),
        link=f"{house.url}{PAGE}",
    )
    return notice(
        house, Correspondent(owner.name, to), house.say(Text("Connexion inhabituelle")), text, token=token, now=now
    )
