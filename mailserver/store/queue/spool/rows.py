"""The queue as values: what is asked for with a message, a row under a lease, a row as operators see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

from sqlalchemy import bindparam, delete, select

from mailserver.model.address import parse
from mailserver.model.errors import BadSyntax
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.schema.outgoing.spool import queued, queued_domain, queued_recipient
from mailserver.texts import causes
from mailserver.texts.causes import Cause

LEASE = 15
"""Seconds a lease lasts unless renewed: as long as mail waits for a worker that was killed while sending it."""
NAME_LENGTH = 16
NEWS = -1
"""The "mailbox" whose news say that something was queued (`changes.subscribe("mailbox", NEWS, …)`)."""
RETRY_NEWS = -2
"""The same for what an operator wants tried again at once."""
NOBODY = -1
"""The account of those news."""
BRAKED = Cause("held-by-brake")
"""The error of rows that the emergency brake holds."""
UNSIGNED = Cause("no-signing-key")
"""The error of rows that wait for the key that is to sign them."""
HELD = Cause("held-by-operator")
"""The error of rows that wait until an operator names them to be tried again."""
GIVEN_UP = "given-up-by-operator"
"""The code of the error of rows that are tried no more: the next worker reports them as failed."""


def errors(error: Cause) -> dict[str, str]:
    """The columns of a row that say what its last attempt came to."""
    kept = causes.in_one_line(error)
    return {"error": "", "error_code": kept.name if kept else "", "error_parameters": causes.parameters(kept)}


collect.also_held_by(queued, queued.c.content_id)


class Notify(IntFlag):
    """Which reports a recipient's sender asked for (RFC 3461 section 4.1). 0: none was named, so FAILURE | DELAY."""

    NEVER = 1
    SUCCESS = 2
    FAILURE = 4
    DELAY = 8

    def wants(self, kind: "Notify") -> bool:
        """Whether a report of this kind is to be sent."""
        return bool((self or Notify.FAILURE | Notify.DELAY) & kind)


DEFAULT_NOTIFY = Notify(0)


class Signing(IntFlag):
    """What the relay puts on top of a message. The numbers stand in the store."""

    NONE = 0
    """Nothing: it leaves as it is."""
    DKIM = 1
    """Our signature: somebody who logged in wrote it, or the service did. Without a key it waits."""
    ARC = 2
    """Our seal (RFC 8617): it came from elsewhere, and what our door found out about it goes along."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a submitter said about a message beside its addresses."""

    name: str = ""
    """Identifier told to the submitter; empty: a new one."""
    account_id: int = 0
    """0: the service itself."""
    population: str = ""
    """Whose brake holds the message back; empty: nobody's."""
    ret: str = ""
    envid: str = ""
    utf8: bool = False
    signing: Signing = Signing.DKIM
    results: str = ""
    """What Authentication-Results says of it, our name first; for a seal."""
    require_tls: bool = False
    """Whoever handed it over wants it to go nowhere but over TLS (RFC 8689)."""


@dataclass(frozen=True, slots=True)
class Target:
    """One remote recipient and the reports its sender asked for (RFC 3461)."""

    address: str
    notify: Notify = DEFAULT_NOTIFY
    orcpt: str = ""

    @property
    def domain(self) -> str:
        """Lower case A-labels."""
        try:
            return parse(self.address).domain
        except BadSyntax:
            return self.address.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient row under a lease."""

    id: int
    address: str
    notify: Notify
    orcpt: str


@dataclass(frozen=True, slots=True)
class Leased:
    """A row of the queue that this worker alone may work on until the lease ends."""

    id: int
    lease: int
    queued_id: int
    domain: str
    attempts: int
    """This attempt included."""
    warned: bool
    name: str
    content_id: int
    account_id: int
    reverse_path: str
    ret: str
    envid: str
    utf8: bool
    created: int
    expires: int
    signing: Signing
    results: str
    size: int
    """Octets of the message, as it is stored."""
    recipients: tuple[Addressee, ...]
    require_tls: bool = False
    """It goes nowhere but over TLS (RFC 8689)."""
    given_up: Cause | None = None
    """An operator gave it up: what its last attempt had come to. It is not sent any more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the queue as operators see it."""

    id: int
    name: str
    domain: str
    sender: str
    recipients: tuple[str, ...]
    size: int
    created: int
    due: int
    attempts: int
    sending: bool
    error: Cause


RECIPIENTS = Statement(
    select(
        queued_recipient.c.id,
        queued_recipient.c.address,
        queued_recipient.c.notify,
        queued_recipient.c.orcpt,
    )
    .where(queued_recipient.c.domain_id == bindparam("row"))
    .order_by(queued_recipient.c.id)
)


def remove(tx: Tx, rows: Sequence[int]) -> None:
    """Remove domain rows, and the messages that have no domain left."""
    owned = select(queued_domain.c.queued_id).where(queued_domain.c.id.in_(rows)).distinct()
    owners = list(tx.execute(owned).scalars())
    # Two workers that settle the last two domains of one message must see each other, hence the lock.
    held = select(queued.c.id, queued.c.content_id).where(queued.c.id.in_(owners)).order_by(queued.c.id)
    contents = {row.id: row.content_id for row in tx.execute(held.with_for_update())}
    tx.execute(delete(queued_recipient).where(queued_recipient.c.domain_id.in_(rows)))
    tx.execute(delete(queued_domain).where(queued_domain.c.id.in_(rows)))
    left = set(tx.execute(select(queued_domain.c.queued_id).where(queued_domain.c.queued_id.in_(owners))).scalars())
    empty = [number for number in contents if number not in left]
    if empty:
        tx.execute(delete(queued).where(queued.c.id.in_(empty)))
        collect.note(tx, sorted({contents[number] for number in empty}))
