"""When a chosen password has to be renewed (profile `academie`), who is to be told, and how many times they were.

An expired password still proves who somebody is, so the web interface lets its owner in, as far as the page where
a new one is chosen; every other door stays shut. App passwords go on opening theirs: a random secret does not wear
out, and a phone that falls silent could not say why.

What the console, an import or the LDAP administrator sets counts as set on that day.
"""

from collections.abc import AsyncIterator

from mailserver.settings import Passwords
from mailserver.store import renewals
from mailserver.store.renewals import Due
from mailserver.store.transactions import Store

DAY = 86400
RENEWING = "web"
"""The service where an expired password still opens the page that ends it."""
EXPIRED = (
    "Mot de passe a renouveler: connectez-vous au site web pour en choisir un autre / "
    "Password expired: log in to the web site and choose a new one"
)
"""Said at the other doors; ASCII, as replies of SMTP and IMAP have to be."""
BATCH = 200
"""People read at a time."""


def expires_at(passwords: Passwords, password_set: int) -> int:
    """When a password set then has to be renewed; 0: never."""
    if passwords.profile != "academie" or not passwords.renewal_days or not password_set:
        return 0
    return password_set + passwords.renewal_days * DAY


def is_expired(passwords: Passwords, password_set: int, now: float) -> bool:
    """True when only a new password opens anything."""
    end = expires_at(passwords, password_set)
    return 0 < end <= now


def days_left(passwords: Passwords, password_set: int, now: float) -> int | None:
    """Days to the end, from the first notice on; 0 on the last day and after; None before."""
    end = expires_at(passwords, password_set)
    if not end or not passwords.notice_days or now < end - max(passwords.notice_days) * DAY:
        return None
    return max(0, int(end - now) // DAY)


def notices(passwords: Passwords, password_set: int, now: float) -> int:
    """How many notices a password of this age should have had by now."""
    end = expires_at(passwords, password_set)
    return sum(end - days * DAY <= now for days in set(passwords.notice_days)) if end else 0


async def due(store: Store, passwords: Passwords, now: float) -> AsyncIterator[tuple[Due, int]]:
    """Everybody who is to be told now, and how many notices they will have had then (`renewals.noticed` keeps it).

    Whoever missed several, because the service was down or the settings changed, gets one. Whoever has expired
    already is told nothing more by mail.
    """
    if passwords.profile != "academie" or not passwords.renewal_days:
        return
    ordered = sorted(set(passwords.notice_days), reverse=True)
    for sent, days in enumerate(ordered):
        oldest = int(now) - passwords.renewal_days * DAY
        after = 0
        while page := await store.read(renewals.due, sent, oldest, oldest + days * DAY, BATCH, after):
            after = page[-1].account_id
            for one in page:
                yield one, notices(passwords, one.password_set, now)
