"""Which browsers are told of news while they are closed, what they were told, and when they may be told again."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, or_, select, update

from mailserver.model.account.preferences import Preferences
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import State
from mailserver.store.account import stored_preferences
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.push import push_subscription as subscription
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.web.webmail import arrivals
from mailserver.store.web.webmail.arrivals import Arrived

MAX_SUBSCRIPTIONS = 10
"""Browsers of one account."""
LEASE_SECONDS = 60
"""How long whoever tells a browser has to say what came of it, before another worker does."""
PAUSE_SECONDS = 10
"""Between two notifications to a browser: what comes meanwhile is told together."""
RETRY_SECONDS = 60
"""After the first failure; twice as long after each further one, up to `LONGEST_RETRY`."""
LONGEST_RETRY = 4 * 3600
MAX_FAILURES = 12
"""In a row, within two days: then the subscription is given up."""
LONGEST_ASKED = 24 * 3600
"""What a push service may ask us to wait; then it is asked again."""


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What a browser gave; its keys were looked at."""

    endpoint: str
    public: bytes
    secret: bytes
    browser: bytes
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A subscription as its owner sees it."""

    id: int
    name: str
    created: int
    browser: bytes


@dataclass(frozen=True, slots=True)
class Due:
    """A browser that has something to be told, for as long as the lease."""

    id: int
    leased: int
    """Until when; whoever claims it afterwards has another."""
    account_id: int
    endpoint: str
    public: bytes
    secret: bytes
    language: str
    reminded: int
    failures: int
    uidnext: int
    arrived: Arrived
    """Unread messages of INBOX that it was not told of."""
    urgent: Arrived
    """Those among them that are told of in spite of quiet hours."""
    preferences: Preferences


# ---------------------------------------------------------------------- what its owner does


def subscribe(tx: Tx, account_id: int, new: NewSubscription) -> int:
    """Keep a subscription from now on; one of the same endpoint or browser gives way.

    Raises Refused(LIMIT | CONFLICT): too many, or another account does the same at this moment.
    """
    # The account's row is locked where rows can be: two that are added at once are counted one after the other.
    version = tx.execute(
        select(account.c.login_version).where(account.c.id == account_id).with_for_update()
    ).scalar_one()
    digest = hashlib.sha256(new.endpoint.encode()).digest()
    tx.execute(delete(subscription).where(or_(subscription.c.digest == digest, subscription.c.browser == new.browser)))
    held = select(func.count()).select_from(subscription).where(subscription.c.account_id == account_id)
    if tx.execute(held).scalar_one() >= MAX_SUBSCRIPTIONS:
        raise Refused(Reason.LIMIT, f"{MAX_SUBSCRIPTIONS} browsers at most")
    values = {
        "account_id": account_id,
        "login_version": version,
        "digest": digest,
        "endpoint": new.endpoint,
        "public": new.public,
        "secret": new.secret,
        "browser": new.browser,
        "name": new.name,
        "language": new.language,
        "created": tx.now,
        "uid": mailboxes.get(tx, account_id, mailboxes.INBOX).uidnext,
        "reminded": tx.now,
        "due": 0,
        "failures": 0,
    }
    if not tx.insert_ignore(subscription, values):
        raise Refused(Reason.CONFLICT, "Somebody else subscribes with the same endpoint")
    return int(tx.execute(select(subscription.c.id).where(subscription.c.digest == digest)).scalar_one())


def listing(tx: Tx, account_id: int) -> list[Shown]:
    """Every browser of an account that is told, the newest first."""
    rows = tx.execute(
        select(subscription.c.id, subscription.c.name, subscription.c.created, subscription.c.browser)
        .join(account, account.c.id == subscription.c.account_id)
        .where(subscription.c.account_id == account_id, subscription.c.login_version == account.c.login_version)
        .order_by(subscription.c.id.desc())
    )
    return [Shown(row.id, row.name, row.created, bytes(row.browser)) for row in rows]


def remove(tx: Tx, account_id: int, number: int) -> bool:
    """Tell a browser no more; False when it was none of this account's."""
    return _delete(tx, subscription.c.account_id == account_id, subscription.c.id == number)


def keep_alone(tx: Tx, account_id: int, browser: bytes) -> None:
    """All sessions were ended but the one of this browser: it is told on, no other is."""
    mine = subscription.c.account_id == account_id
    _delete(tx, mine, subscription.c.browser != browser)
    version = select(account.c.login_version).where(account.c.id == account_id).scalar_subquery()
    tx.execute(update(subscription).where(mine).values(login_version=version))


def leave(tx: Tx, browser: bytes, stays: int = 0) -> None:
    """Somebody logged out of a browser, or logged in to it (`stays`): nobody else is told there any more."""
    _delete(tx, subscription.c.browser == browser, subscription.c.account_id != stays)


# ---------------------------------------------------------------------- what the service does


_IN_USE = (account.c.state == State.ACTIVE.value, account.c.login_version == subscription.c.login_version)


def with_news(tx: Tx, limit: int) -> list[int]:
    """Subscriptions whose INBOX has grown, of accounts in use."""
    grown = (
        select(subscription.c.id)
        .join(account, account.c.id == subscription.c.account_id)
        .join(mailbox, mailbox.c.account_id == subscription.c.account_id)
        .where(
            mailbox.c.name == mailboxes.INBOX,
            mailbox.c.uidnext > subscription.c.uid,
            subscription.c.due <= tx.now,
            *_IN_USE,
        )
        .order_by(subscription.c.due)
        .limit(limit)
    )
    return list(tx.execute(grown).scalars())


def reminded(tx: Tx) -> dict[int, list[tuple[int, int]]]:
    """Of each account in use that has a browser which is told: the subscriptions that may be told now, and up to which
    moment each was reminded."""
    rows = tx.execute(
        select(subscription.c.account_id, subscription.c.id, subscription.c.reminded, subscription.c.due)
        .join(account, account.c.id == subscription.c.account_id)
        .where(*_IN_USE)
    )
    found: dict[int, list[tuple[int, int]]] = {}
    for row in rows:
        waiting = found.setdefault(row.account_id, [])
        if row.due <= tx.now:
            waiting.append((row.id, row.reminded))
    return found


def claim(tx: Tx, number: int) -> Due | None:
    """What a browser is to be told, which nobody else tells for a while; None: another does, or it is gone."""
    taken = (
        update(subscription)
        .where(subscription.c.id == number, subscription.c.due <= tx.now)
        .values(due=tx.now + LEASE_SECONDS)
        .returning(*(subscription.c[name] for name in _CLAIMED))
    )
    row = tx.execute(taken).first()
    if row is None:
        return None
    return Due(
        row.id,
        row.due,
        row.account_id,
        row.endpoint,
        bytes(row.public),
        bytes(row.secret),
        row.language,
        row.reminded,
        row.failures,
        mailboxes.get(tx, row.account_id, mailboxes.INBOX).uidnext,
        arrivals.unread(tx, row.account_id, row.uid),
        arrivals.urgent(tx, row.account_id, row.uid),
        stored_preferences.preferences(tx, row.account_id),
    )


def told(tx: Tx, what: Due, reminded: int, *, pause: bool) -> None:
    """A browser knows all that there was; after a `pause` it may be told more."""
    due = tx.now + PAUSE_SECONDS if pause else 0
    _set(tx, what, uid=what.uidnext, reminded=reminded, due=due, failures=0)


def failed(tx: Tx, what: Due, asked: int = 0) -> bool:
    """A push service did not take it: later again, and not before so many seconds are over that it `asked` to be given;
    False when it was given up."""
    if what.failures + 1 >= MAX_FAILURES:
        _delete(tx, *_held(what))
        return False
    wait = min(RETRY_SECONDS << min(what.failures, 10), LONGEST_RETRY)
    _set(tx, what, due=tx.now + max(wait, min(asked, LONGEST_ASKED)), failures=what.failures + 1)
    return True


def gone(tx: Tx, what: Due) -> None:
    """A push service knows the subscription no more (RFC 8030 section 7.3)."""
    _delete(tx, *_held(what))


_CLAIMED = ("id", "due", "account_id", "endpoint", "public", "secret", "language", "reminded", "failures", "uid")


def _held(what: Due) -> tuple[ColumnElement[bool], ...]:
    """Nobody has claimed it since: whoever was frozen meanwhile says nothing of it."""
    return subscription.c.id == what.id, subscription.c.due == what.leased


def _set(tx: Tx, what: Due, **values: int) -> None:
    tx.execute(update(subscription).where(*_held(what)).values(**values))


def _delete(tx: Tx, *conditions: ColumnElement[bool]) -> bool:
    return bool(tx.execute(delete(subscription).where(*conditions)).rowcount)
