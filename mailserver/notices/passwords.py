"""What people are told about their password: that it must be renewed, how a forgotten one is replaced, that it was.

And about the private address through which that works. A code stands in one kind of message only: the one that
its owner has just asked for, to an address outside the service.
"""

from dataclasses import dataclass

from mailserver.mime.fields import Correspondent
from mailserver.notices.house import House, notice

CHANGE_PATH = "/compte/mot-de-passe"
RECOVER_PATH = "/initialiser"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account it is."""

    name: str
    login: str
    address: str


def renewal(house: House, owner: Owner, to: str, expires_at: int, *, token: bytes, now: float) -> bytes:
    """The password must be renewed by a day that is near."""
    french = (
        f"Bonjour {owner.name},\n\n"
        f"Le mot de passe de votre compte {owner.login} est à renouveler avant le\n"
        f"{house.jour(expires_at)}. Vous n'avez rien d'autre à faire : votre adresse, vos messages et\n"
        f"votre identifiant ne changent pas.\n\n"
        f"Connectez-vous comme d'habitude à la messagerie ({house.url}), puis\n"
        f"Réglages, Changer mon mot de passe.\n\n"
        f"Après cette date, Thunderbird, Outlook et votre téléphone ne se connectent plus avec\n"
        f"l'ancien mot de passe ; le site web vous demande d'abord d'en choisir un autre."
    )
    english = (
        f"Hello {owner.name},\n\n"
        f"The password of your account {owner.login} has to be renewed before\n"
        f"{house.day(expires_at)}. Nothing else is to be done: your address, your messages and\n"
        f"your identifier stay the same.\n\n"
        f"Log in to the mail service as usual ({house.url}), then\n"
        f"Settings, Change my password.\n\n"
        f"After that day Thunderbird, Outlook and your phone no longer connect with the\n"
        f"old password; the web site first asks you to choose a new one."
    )
    subject = (
        f"Mot de passe à renouveler avant le {house.jour(expires_at)} / "
        f"Renew your password before {house.day(expires_at)}"
    )
    return notice(house, Correspondent(owner.name, to), subject, french, english, token=token, now=now)


def forgotten(house: House, to: str, code: str, minutes: int, *, token: bytes, now: float) -> bytes:
    """The code that replaces a forgotten password. It names nobody: whoever reads it there has asked for it."""
    french = (
        f"Bonjour,\n\n"
        f"Vous avez demandé à choisir un nouveau mot de passe pour votre messagerie.\n"
        f"Voici votre code, valable {minutes} minutes et une seule fois :\n\n"
        f"    {code}\n\n"
        f"Saisissez-le avec votre identifiant sur la page où vous l'avez demandé\n"
        f"({house.url}{RECOVER_PATH}). S'il y a plusieurs messages, seul le dernier code est bon.\n\n"
        f"Vous n'avez rien demandé ? Ignorez ce message : votre mot de passe n'a pas changé.\n"
        f"Ne donnez ce code à personne, même à l'assistance."
    )
    english = (
        f"Hello,\n\n"
        f"You have asked to choose a new password for your mail.\n"
        f"Here is your code, good for {minutes} minutes and once only:\n\n"
        f"    {code}\n\n"
        f"Enter it with your identifier on the page where you asked for it\n"
        f"({house.url}{RECOVER_PATH}). If there are several messages, only the last code is good.\n\n"
        f"You asked for nothing? Ignore this message: your password has not changed.\n"
        f"Give this code to nobody, not even to the help desk."
    )
    subject = "Votre code pour un nouveau mot de passe / Your code for a new password"
    return notice(house, Correspondent("", to), subject, french, english, token=token, now=now)


def identifier(house: House, owner: Owner, to: str, *, token: bytes, now: float) -> bytes:
    """The identifier that its owner had forgotten."""
    french = (
        f"Bonjour {owner.name},\n\n"
        f"Vous avez demandé votre identifiant de messagerie. Le voici :\n\n"
        f"    {owner.login}\n\n"
        f"Votre adresse est {owner.address}. L'un ou l'autre vous connecte :\n"
        f"{house.url}\n\n"
        f"Vous n'avez rien demandé ? Ignorez ce message : rien n'a changé."
    )
    english = (
        f"Hello {owner.name},\n\n"
        f"You have asked for the identifier of your mail account. Here it is:\n\n"
        f"    {owner.login}\n\n"
        f"Your address is {owner.address}. Either of them logs you in:\n"
        f"{house.url}\n\n"
        f"You asked for nothing? Ignore this message: nothing has changed."
    )
    subject = "Votre identifiant de messagerie / Your mail identifier"
    return notice(house, Correspondent(owner.name, to), subject, french, english, token=token, now=now)


def recovered(house: House, owner: Owner, to: str, *, token: bytes, now: float) -> bytes:
    """A forgotten password was replaced: told to the mailbox and to the private address."""
    when, when_en = house.moment(int(now))
    french = (
        f"Bonjour {owner.name},\n\n"
        f"Un nouveau mot de passe a été choisi pour votre compte {owner.login}\n"
        f"le {when}, avec un code envoyé à votre adresse de secours.\n"
        f"Toutes vos sessions ont été fermées et vos mots de passe d'application retirés.\n\n"
        f"Ce n'était pas vous ? Appelez sans attendre : votre compte peut être bloqué."
    )
    english = (
        f"Hello {owner.name},\n\n"
        f"A new password was chosen for your account {owner.login}\n"
        f"at {when_en}, with a code sent to your recovery address.\n"
        f"All your sessions were closed and your app passwords revoked.\n\n"
        f"This was not you? Call at once: your account can be blocked."
    )
    subject = "Votre mot de passe a été changé / Your password was changed"
    return notice(house, Correspondent(owner.name, to), subject, french, english, token=token, now=now)


def confirmation(house: House, to: str, code: str, minutes: int, *, token: bytes, now: float) -> bytes:
    """The code that confirms a private address. It names nobody: the address may be a stranger's."""
    french = (
        f"Bonjour,\n\n"
        f"Cette adresse a été donnée comme adresse de secours d'un compte de messagerie.\n"
        f"Pour le confirmer, saisissez ce code, valable {minutes} minutes, sur la page\n"
        f"où vous l'avez donnée :\n\n"
        f"    {code}\n\n"
        f"Vous n'avez rien demandé ? Ignorez ce message : l'adresse ne sera pas retenue."
    )
    english = (
        f"Hello,\n\n"
        f"This address was given as the recovery address of a mail account.\n"
        f"To confirm it, enter this code, good for {minutes} minutes, on the page\n"
        f"where you gave it:\n\n"
        f"    {code}\n\n"
        f"You asked for nothing? Ignore this message: the address will not be kept."
    )
    subject = "Confirmez votre adresse de secours / Confirm your recovery address"
    return notice(house, Correspondent("", to), subject, french, english, token=token, now=now)


def readdressed(house: House, owner: Owner, to: str, removed: bool, *, token: bytes, now: float) -> bytes:
    """The private address was replaced or removed: told to the one before."""
    when, when_en = house.moment(int(now))
    french = (
        f"Bonjour {owner.name},\n\n"
        f"Cette adresse n'est plus l'adresse de secours de votre compte {owner.login} depuis\n"
        f"le {when} : {'elle a été retirée' if removed else 'une autre l’a remplacée'} depuis le site web.\n\n"
        f"Ce n'était pas vous ? Appelez sans attendre : quelqu'un connaît votre mot de passe."
    )
    english = (
        f"Hello {owner.name},\n\n"
        f"This address has not been the recovery address of your account {owner.login} since\n"
        f"{when_en}: {'it was removed' if removed else 'another one replaced it'} on the web site.\n\n"
        f"This was not you? Call at once: somebody knows your password."
    )
    subject = "Votre adresse de secours a changé / Your recovery address has changed"
    return notice(house, Correspondent(owner.name, to), subject, french, english, token=token, now=now)
