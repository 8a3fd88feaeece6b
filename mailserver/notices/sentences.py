"""What somebody hears at a door that does not open, after a right secret only: why, and whom to call.

One line, the French half first, in ASCII: replies of SMTP and response texts of IMAP may hold nothing else
(RFC 5321 section 4.2, RFC 3501 section 9).
"""

import unicodedata

from mailserver.notices.house import HELP, House

NOT_ACTIVATED = "Activez d'abord votre compte sur le site web / Activate your account on the web site first"
CHANGED = "Session close: connectez-vous de nouveau / Session closed: log in again"
"""The password or the rights have changed since the login."""
_PLAIN_HELP = ("l'assistance informatique", "the help desk")


def suspended(house: House, since: int, until: int) -> str:
    """Since when, until when (0: until somebody resumes it), whom to call."""
    whom = _whom(house)
    depuis, from_ = house.moment(since)
    french, english = f"Compte suspendu depuis le {depuis}", f"Account suspended since {from_}"
    if until:
        terme, end = house.moment(until)
        french, english = f"{french} et jusqu'au {terme}", f"{english} until {end}"
    return f"{french}: contactez {whom[0]} / {english}: call {whom[1]}"


def closed(house: House) -> str:
    """Of an account that is no more."""
    whom = _whom(house)
    return f"Ce compte n'est plus ouvert: contactez {whom[0]} / This account is closed: call {whom[1]}"


def _whom(house: House) -> tuple[str, str]:
    if house.help == HELP:
        return _PLAIN_HELP
    french, english = map(_plain, house.help)
    return french, english


def _plain(text: str) -> str:
    """Without accents: a telephone number matters more than they do."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
