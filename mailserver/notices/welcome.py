"""The creation notice: to the private address, that an account waits; how to connect, and no secret."""

from dataclasses import dataclass

from mailserver.identity import Role
from mailserver.mime.fields import Correspondent
from mailserver.notices.house import House, notice


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
    proof, proof_en = _PROOFS[account.role is Role.PUPIL]
    french = (
        f"Bonjour {account.name},\n\n"
        f"Un compte de messagerie vous attend :\n\n"
        f"    Identifiant : {account.login}\n"
        f"    Adresse : {account.address}\n"
        f"    Site : {house.url}/\n\n"
        f"Pour l'activer, ouvrez le site, choisissez « Première connexion » et munissez-vous de\n"
        f"votre identifiant et {proof}.\n"
        f"Vous choisirez alors votre mot de passe. Ce message n'en contient aucun."
    )
    english = (
        f"Hello {account.name},\n\n"
        f"A mail account is waiting for you:\n\n"
        f"    Identifier: {account.login}\n"
        f"    Address: {account.address}\n"
        f"    Site: {house.url}/\n\n"
        f"To activate it, open the site, choose “First connection”, and have ready\n"
        f"your identifier and {proof_en}.\n"
        f"You will then choose your password. This message contains none."
    )
    to = Correspondent(account.name, account.private_address)
    subject = "Votre messagerie académique / Your academic mail"
    return notice(house, to, subject, french, english, token=token, now=now)


_PROOFS = {
    False: (
        "de votre NUMEN et de votre date de naissance, ou du code que le\n"
        "secrétariat de votre établissement vous remettra",
        "your NUMEN and your date of birth, or the code that your school's\nsecretariat will hand you",
    ),
    True: (
        "du code que le secrétariat de votre établissement vous remettra",
        "the code that your school's secretariat will hand you",
    ),
}
"""What a person proves themselves with: whether a pupil or not, in French and in English."""
