"""What is written about mail that is sent on: to the address that is asked, and to the owner once it is so, or ends."""

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.accounts.passwords import Owner
from mailserver.notices.house import House, notice
from mailserver.texts.text import Text

ADDRESSES = Text("des adresses qu’un script choisit pour chaque message")
"""Where a script sends mail on to that makes its addresses when it runs."""
BY_ACADEMY = Text("L'assistance informatique de l'académie l'a arrêté.")
BY_TARGET = Text("Cette adresse refuse les messages depuis plusieurs jours.")


def asked(house: House, owner: Owner, to: str, link: str, days: int, *, token: bytes, now: float) -> bytes:
    """To an address: may somebody's mail be sent on to it?"""
    text = Text(
        "Bonjour,\n\n"
        "{name} ({address}) voudrait que les messages de sa boîte vous soient\n"
        "renvoyés à cette adresse. Pour accepter ou refuser, ouvrez cette page,\n"
        "valable {days} jours :\n\n"
        "    {link}\n\n"
        "Rien n'est renvoyé tant que vous n'avez pas accepté.\n"
        "Vous ne connaissez pas cette personne ? Refusez, ou ignorez ce message.",
        name=owner.name,
        address=owner.address,
        days=days,
        link=link,
    )
    subject = house.say(Text("Recevoir les messages de {name} ?", name=owner.name))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)


def begun(house: House, owner: Owner, to: str, address: str | Text, *, token: bytes, now: float) -> bytes:
    """To the owner: a filter may send mail on to an address that is new."""
    text = Text(
        "Bonjour {name},\n\n"
        "Les messages que reçoit votre compte {login} peuvent désormais être\n"
        "renvoyés à :\n\n"
        "    {address}\n\n"
        "Cela se règle dans Réglages, Transfert, ou dans le script de votre filtre.\n\n"
        "Ce n'était pas vous ? Appelez sans attendre : quelqu'un connaît votre mot de passe.",
        name=owner.name,
        login=owner.login,
        address=address,
    )
    subject = house.say(Text("Vos messages sont renvoyés à une autre adresse"))
    return notice(house, Correspondent(owner.name, to), subject, text, token=token, now=now)


def box_begun(house: House, box: str, to: str, address: str | Text, *, token: bytes, now: float) -> bytes:
    """To a functional box and whoever manages it: a filter may send its mail on to an address that is new."""
    text = Text(
        "Bonjour,\n\n"
        "Les messages que reçoit la boîte {box} peuvent désormais être\n"
        "renvoyés à :\n\n"
        "    {address}\n\n"
        "Une des personnes qui gèrent cette boîte l'a réglé ainsi.\n\n"
        "Personne parmi vous ne l'a fait ? Appelez sans attendre : quelqu'un connaît\n"
        "le mot de passe de l'une d'elles.",
        box=box,
        address=address,
    )
    subject = house.say(Text("Les messages de {box} sont renvoyés à une autre adresse", box=box))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)


def box_ended(house: House, box: str, to: str, address: str | Text, why: Text, *, token: bytes, now: float) -> bytes:
    """To them: nothing is sent on to an address any more."""
    text = Text(
        "Bonjour,\n\n"
        "Les messages que reçoit la boîte {box} ne sont plus renvoyés à :\n\n"
        "    {address}\n\n"
        "{why}\n"
        "Ils restent dans la boîte.",
        box=box,
        address=address,
        why=why,
    )
    subject = house.say(Text("Les messages de {box} ne sont plus renvoyés", box=box))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)


def ended(house: House, owner: Owner, to: str, address: str | Text, why: Text, *, token: bytes, now: float) -> bytes:
    """To the owner: nothing is sent on to an address any more."""
    text = Text(
        "Bonjour {name},\n\n"
        "Les messages que reçoit votre compte {login} ne sont plus renvoyés à :\n\n"
        "    {address}\n\n"
        "{why}\n"
        "Ils restent dans votre boîte.",
        name=owner.name,
        login=owner.login,
        address=address,
        why=why,
    )
    subject = house.say(Text("Vos messages ne sont plus renvoyés"))
    return notice(house, Correspondent(owner.name, to), subject, text, token=token, now=now)
