"""What people are told about their password: that it must be renewed, how a forgotten one is replaced, that it was.

And about the private address through which that works. A code stands in one kind of message only: the one that
its owner has just asked for, to an address outside the service.
"""

from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import House, notice
from mailserver.texts.text import Text

RECOVER_PATH = "/initialiser"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account it is."""

    name: str
    login: str
    address: str


def renewal(house: House, owner: Owner, to: str, expires_at: int, *, token: bytes, now: float) -> bytes:
    """The password must be renewed by a day that is near."""
    text = Text(
        "Bonjour {name},\n\n"
        "Le mot de passe de votre compte {login} est à renouveler avant le\n"
        "{day}. Vous n'avez rien d'autre à faire : votre adresse, vos messages et\n"
        "votre identifiant ne changent pas.\n\n"
        "Connectez-vous comme d'habitude à la messagerie ({url}), puis\n"
        "Réglages, Changer mon mot de passe.\n\n"
        "Après cette date, Thunderbird, Outlook et votre téléphone ne se connectent plus avec\n"
        "l'ancien mot de passe ; le site web vous demande d'abord d'en choisir un autre.",
        name=owner.name,
        login=owner.login,
        day=house.day(expires_at),
        url=house.url,
    )
    subject = house.say(Text("Mot de passe à renouveler avant le {day}", day=house.day(expires_at)))
    return notice(house, Correspondent(owner.name, to), subject, text, token=token, now=now)


def forgotten(house: House, to: str, code: str, minutes: int, *, token: bytes, now: float) -> bytes:
    """The code that replaces a forgotten password. It names nobody: whoever reads it there has asked for it."""
    text = Text(
        "Bonjour,\n\n"
        "Vous avez demandé à choisir un nouveau mot de passe pour votre messagerie.\n"
        "Voici votre code, valable {minutes} minutes et une seule fois :\n\n"
        "    {code}\n\n"
        "Saisissez-le avec votre identifiant sur la page où vous l'avez demandé\n"
        "({url}{path}). S'il y a plusieurs messages, seul le dernier code est bon.\n\n"
        "Vous n'avez rien demandé ? Ignorez ce message : votre mot de passe n'a pas changé.\n"
        "Ne donnez ce code à personne, même à l'assistance.",
        minutes=minutes,
        code=code,
        url=house.url,
        path=RECOVER_PATH,
    )
    subject = house.say(Text("Votre code pour un nouveau mot de passe"))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)


def identifier(house: House, owner: Owner, to: str, *, token: bytes, now: float) -> bytes:
    """The identifier that its owner had forgotten."""
    text = Text(
        "Bonjour {name},\n\n"
        "Vous avez demandé votre identifiant de messagerie. Le voici :\n\n"
        "    {login}\n\n"
        "Votre adresse est {address}. L'un ou l'autre vous connecte :\n"
        "{url}\n\n"
        "Vous n'avez rien demandé ? Ignorez ce message : rien n'a changé.",
        name=owner.name,
        login=owner.login,
        address=owner.address,
        url=house.url,
    )
    subject = house.say(Text("Votre identifiant de messagerie"))
    return notice(house, Correspondent(owner.name, to), subject, text, token=token, now=now)


def recovered(house: House, owner: Owner, to: str, *, token: bytes, now: float) -> bytes:
    """A forgotten password was replaced: told to the mailbox and to the private address."""
    text = Text(
        "Bonjour {name},\n\n"
        "Un nouveau mot de passe a été choisi pour votre compte {login}\n"
        "le {when}, avec un code envoyé à votre adresse de secours.\n"
        "Toutes vos sessions ont été fermées et vos mots de passe d'application retirés.\n\n"
        "Ce n'était pas vous ? Appelez sans attendre : votre compte peut être bloqué.",
        name=owner.name,
        login=owner.login,
        when=house.moment(int(now)),
    )
    subject = house.say(Text("Votre mot de passe a été changé"))
    return notice(house, Correspondent(owner.name, to), subject, text, token=token, now=now)


def confirmation(house: House, to: str, code: str, minutes: int, *, token: bytes, now: float) -> bytes:
    """The code that confirms a private address. It names nobody: the address may be a stranger's."""
    text = Text(
        "Bonjour,\n\n"
        "Cette adresse a été donnée comme adresse de secours d'un compte de messagerie.\n"
        "Pour le confirmer, saisissez ce code, valable {minutes} minutes, sur la page\n"
        "où vous l'avez donnée :\n\n"
        "    {code}\n\n"
        "Vous n'avez rien demandé ? Ignorez ce message : l'adresse ne sera pas retenue.",
        minutes=minutes,
        code=code,
    )
    subject = house.say(Text("Confirmez votre adresse de secours"))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)


def readdressed(house: House, owner: Owner, to: str, removed: bool, *, token: bytes, now: float) -> bytes:
    """The private address was replaced or removed: told to the one before."""
    text = Text(
        "Bonjour {name},\n\n"
        "Cette adresse n'est plus l'adresse de secours de votre compte {login} depuis\n"
        "le {when} : {fate} depuis le site web.\n\n"
        "Ce n'était pas vous ? Appelez sans attendre : quelqu'un connaît votre mot de passe.",
        name=owner.name,
        login=owner.login,
        when=house.moment(int(now)),
        fate=Text("elle a été retirée") if removed else Text("une autre l’a remplacée"),
    )
    subject = house.say(Text("Votre adresse de secours a changé"))
    return notice(house, Correspondent(owner.name, to), subject, text, token=token, now=now)
