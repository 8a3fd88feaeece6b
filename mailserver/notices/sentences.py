"""What somebody hears at a door that does not open, after a right secret only: why, and whom to call.

One line in both languages, in ASCII.
"""

from mailserver.notices.house import HELP, House
from mailserver.texts.text import Text, both_in_ascii

NOT_ACTIVATED = both_in_ascii(Text("Activez d’abord votre compte sur le site web"))
CHANGED = both_in_ascii(Text("Session close : connectez-vous de nouveau"))
"""The password or the rights have changed since the login."""
_SHORT_HELP = Text("l’assistance informatique")


def suspended(house: House, since: int, until: int) -> str:
    """Since when, until when (0: until somebody resumes it), whom to call."""
    start, end = house.moment(since), house.moment(until)
    if until:
        text = Text(
            "Compte suspendu depuis le {start} et jusqu’au {end} : contactez {help}",
            start=start,
            end=end,
            help=_help(house),
        )
    else:
        text = Text("Compte suspendu depuis le {start} : contactez {help}", start=start, help=_help(house))
    return both_in_ascii(text)


def closed(house: House) -> str:
    """Of an account that is no more."""
    return both_in_ascii(Text("Ce compte n’est plus ouvert : contactez {help}", help=_help(house)))


def _help(house: House) -> Text:
    return _SHORT_HELP if house.help is HELP else house.help
