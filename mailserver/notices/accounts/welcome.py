"""The creation notice: to the private address, that an account waits; how to connect, and no secret."""

from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.model.identity import Role
from mailserver.notices.house import House, notice
from mailserver.texts.text import Text


@dataclass(frozen=True, slots=True)
class NewAccount:
    """Whose account it is."""

    name: str
    login: str
    address: str
    role: Role
    private_address: str


def build(house: House, account: NewAccount, *, token: bytes, now: float) -> bytes:
    """The notice's octets."""
    text = Text(
        "Bonjour {name},\n\n"
        "Un compte de messagerie vous attend :\n\n"
        "    Identifiant : {login}\n"
        "    Adresse : {address}\n"
        "    Site : {url}/\n\n"
        "Pour l'activer, ouvrez le site, choisissez « Première connexion » et munissez-vous de\n"
        "votre identifiant et {proof}.\n"
        "Vous choisirez alors votre mot de passe. Ce message n'en contient aucun.",
        name=account.name,
        login=account.login,
        address=account.address,
        url=house.url,
        proof=_PROOFS[account.role is Role.PUPIL],
    )
    to = Correspondent(account.name, account.private_address)
    subject = house.say(Text("Votre messagerie académique"))
    return notice(house, to, subject, text, token=token, now=now)


_PROOFS = {
    False: Text(
        "de votre NUMEN et de votre date de naissance, ou du code que le\n"
        "secrétariat de votre établissement vous remettra"
    ),
    True: Text("du code que le secrétariat de votre établissement vous remettra"),
}
"""What a person proves themselves with: whether a pupil or not."""
