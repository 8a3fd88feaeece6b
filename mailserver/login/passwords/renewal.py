"""When a chosen password has to be renewed (profile `academie`), who is to be told, and how many times they were.

An expired password still proves who somebody is, so the web interface lets its owner in, as far as the page where
a new one is chosen; every other door stays shut. App passwords go on opening theirs: a random secret does not wear
out, and a phone that falls silent could not say why.

Nobody's password expires before they were told. Whoever is told late, because renewal was only now turned on, made
more frequent, or the service was down, gets the whole time of the first notice from that day, and what a notice
promised is kept. Without notices (`notice_days` empty) the age alone decides.

What the console, an import or the LDAP administrator sets counts as set on that day.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

from mailserver.foundation.settings import Passwords
from mailserver.model.clock import DAY
from mailserver.store.account import renewals
from mailserver.store.account.accounts import Renewal
from mailserver.store.account.renewals import Due
from mailserver.store.engine.transactions import Store
from mailserver.texts.text import Text, both_in_ascii

LATE = 2 * DAY
"""A first notice that goes out later than this gives its whole time from then on."""
RENEWING = "web"
"""The service where an expired password still opens the page that ends it."""
EXPIRED = both_in_ascii(Text("Mot de passe à renouveler : connectez-vous au site web pour en choisir un autre"))
"""Said at the other doors."""
BATCH = 200
"""People read at a time."""


def expires_at(passwords: Passwords, known: Renewal) -> int:
    """When a password has to be renewed, as far as is known now; 0: never."""
    if passwords.profile != "academie" or not passwords.renewal_days or not known.password_set:
        return 0
    return max(known.password_set + passwords.renewal_days * DAY, known.promised)


def is_expired(passwords: Passwords, known: Renewal, now: float) -> bool:
    """True when only a new password opens anything."""
    return _is_told(passwords, known) and 0 < expires_at(passwords, known) <= now


def days_left(passwords: Passwords, known: Renewal, now: float) -> int | None:
    """Days to the end, from the first notice on; 0 on the last day and after; None before."""
    end = expires_at(passwords, known)
    if not end or not known.notices or now < end - _first(passwords):
        return None
    return max(0, int(end - now) // DAY)


def notices(passwords: Passwords, known: Renewal, now: float) -> int:
    """How many notices should have gone out by now."""
    end = expires_at(passwords, known)
    return sum(end - days * DAY <= now for days in set(passwords.notice_days)) if end else 0


async def due(store: Store, passwords: Passwords, now: float) -> AsyncIterator[tuple[Due, int]]:
    """Everybody who is to be told now, and how many notices they will have had then (`renewals.noticed` keeps it).

    Whoever missed several gets one. Who was told and has expired already is told nothing more by mail.
    """
    if passwords.profile != "academie" or not passwords.renewal_days:
        return
    ordered = sorted(set(passwords.notice_days), reverse=True)
    for sent, days in enumerate(ordered):
        ahead = int(now) + days * DAY
        oldest = ahead - passwords.renewal_days * DAY
        after = 0
        while page := await store.read(renewals.due, sent, oldest, ahead, BATCH, after):
            after = page[-1].account_id
            for one in page:
                promised = replace(one.renewal, promised=_promise(passwords, one.renewal, int(now)))
                count = notices(passwords, promised, now)
                if not is_expired(passwords, one.renewal, now) and count > sent:
                    yield replace(one, end=promised.promised), count


def _promise(passwords: Passwords, known: Renewal, now: int) -> int:
    """The day that the next notice names."""
    end, first = expires_at(passwords, known), _first(passwords)
    return now + first if not known.notices and end < now + first - LATE else end


def _first(passwords: Passwords) -> int:
    """Seconds before the end at which the first notice goes out."""
    return min(max(passwords.notice_days, default=0), passwords.renewal_days) * DAY


def _is_told(passwords: Passwords, known: Renewal) -> bool:
    return known.notices > 0 or not passwords.notice_days
