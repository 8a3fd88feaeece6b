"""Every command as a frozen value, with the names of its RFC. `imap.wire.syntax` makes them from octets.

Mailbox names and patterns are Unicode text with INBOX in capitals (`imap.wire.names`); dates are seconds
since 1970; passwords hide in `Secret`. Where a command exists as `X` and `UID X` there is one value, and
`by_uid` says which.
"""

from dataclasses import dataclass
from enum import Enum

from imap.wire.extensions import metadata, notify, quota, rights
from imap.wire.fetch.fetch_items import Attribute, FetchItem
from imap.wire.flags import NO_FLAGS, Flags
from imap.wire.search.search_program import CancelUpdate as CancelUpdate
from imap.wire.search.search_program import MultiSearch as MultiSearch
from imap.wire.search.search_program import Search as Search
from imap.wire.search.search_program import Sort as Sort
from imap.wire.search.search_program import Thread as Thread
from imap.wire.sets import SequenceSet
from mailserver.model.credentials.sasl import Secret

# Any state (RFC 3501 section 6.1)


@dataclass(frozen=True, slots=True)
class Capability:
    """RFC 3501 section 6.1.1."""


@dataclass(frozen=True, slots=True)
class Noop:
    """RFC 3501 section 6.1.2."""


@dataclass(frozen=True, slots=True)
class Logout:
    """RFC 3501 section 6.1.3."""


@dataclass(frozen=True, slots=True)
class Identify:
    """ID (RFC 2971): what the client says of itself; None when it sent NIL."""

    fields: tuple[tuple[str, str | None], ...] | None


# Not authenticated (RFC 3501 section 6.2)


@dataclass(frozen=True, slots=True)
class StartTls:
    """RFC 3501 section 6.2.1."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """RFC 3501 section 6.2.2; `initial` is the decoded initial response of SASL-IR (RFC 4959), else None.

    The mechanism is in capitals. An initial response hides like a password: it holds one.
    """

    mechanism: str
    initial: "InitialResponse | None" = None


class InitialResponse:
    """The decoded octets of an initial response. They never print."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def reveal(self) -> bytes:
        return self._octets

    def __repr__(self) -> str:
        return "InitialResponse(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InitialResponse) and other._octets == self._octets

    def __hash__(self) -> int:
        return hash(self._octets)


@dataclass(frozen=True, slots=True)
class Login:
    """RFC 3501 section 6.2.3."""

    login: str
    secret: Secret


# Authenticated (RFC 3501 section 6.3)


@dataclass(frozen=True, slots=True)
class Enable:
    """RFC 5161: the capabilities in capitals, known or not."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compress:
    """RFC 4978 section 3; the mechanism is in capitals."""

    mechanism: str


@dataclass(frozen=True, slots=True)
class Unauthenticate:
    """RFC 8437."""


@dataclass(frozen=True, slots=True)
class Resync:
    """The QRESYNC parameter of SELECT (RFC 7162 section 3.2.5)."""

    uidvalidity: int
    modseq: int
    known_uids: SequenceSet | None = None
    matched_numbers: SequenceSet | None = None
    matched_uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT, and EXAMINE when `read_only` (RFC 3501 sections 6.3.1, 6.3.2; RFC 7162 section 3.1.8)."""

    mailbox: str
    read_only: bool = False
    condstore: bool = False
    resync: Resync | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """RFC 3501 section 6.3.3; `uses` are the special uses asked for (RFC 6154 section 3), like `\\Sent`.

    A trailing hierarchy separator only announces children: it is not in `mailbox`.
    """

    mailbox: str
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """RFC 3501 section 6.3.4."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    """RFC 3501 section 6.3.5."""

    mailbox: str
    new: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """RFC 3501 section 6.3.6."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """RFC 3501 section 6.3.7."""

    mailbox: str


class StatusItem(Enum):
    """What STATUS can tell (RFC 3501 section 6.3.10, RFC 7162 section 3.1.7, RFC 8438, RFC 7889 section 2, RFC 8474
    section 4.3, RFC 9051 section 6.3.11)."""

    MESSAGES = "MESSAGES"
    RECENT = "RECENT"
    UIDNEXT = "UIDNEXT"
    UIDVALIDITY = "UIDVALIDITY"
    UNSEEN = "UNSEEN"
    HIGHESTMODSEQ = "HIGHESTMODSEQ"
    SIZE = "SIZE"
    APPENDLIMIT = "APPENDLIMIT"
    MAILBOXID = "MAILBOXID"
    DELETED = "DELETED"
    DELETED_STORAGE = "DELETED-STORAGE"


class ListSelect(Enum):
    """Which names LIST considers (RFC 5258 section 3.1, RFC 6154 section 2)."""

    SUBSCRIBED = "SUBSCRIBED"
    REMOTE = "REMOTE"
    RECURSIVEMATCH = "RECURSIVEMATCH"
    SPECIAL_USE = "SPECIAL-USE"


class ListReturn(Enum):
    """What LIST adds to each name (RFC 5258 section 3.2, RFC 6154 section 2)."""

    SUBSCRIBED = "SUBSCRIBED"
    CHILDREN = "CHILDREN"
    SPECIAL_USE = "SPECIAL-USE"
    MYRIGHTS = "MYRIGHTS"


@dataclass(frozen=True, slots=True)
class List:
    """LIST (RFC 3501 section 6.3.8) and its extended form (RFC 5258, RFC 5819).

    `extended` is true when the client used selection options, several patterns or RETURN. An empty single
    pattern of the plain form asks for the hierarchy separator. Without patterns nothing can match what the
    client sent.
    """

    reference: str
    patterns: tuple[str, ...]
    select: frozenset[ListSelect] = frozenset()
    returns: frozenset[ListReturn] = frozenset()
    status: tuple[StatusItem, ...] = ()
    extended: bool = False
    annotations: tuple[str, ...] = ()
    """Entries to tell with each name (RFC 9590)."""


@dataclass(frozen=True, slots=True)
class Lsub:
    """RFC 3501 section 6.3.9; no pattern: nothing can match what the client sent."""

    reference: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Namespace:
    """RFC 2342."""


@dataclass(frozen=True, slots=True)
class Status:
    """RFC 3501 section 6.3.10."""

    mailbox: str
    items: tuple[StatusItem, ...]


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One message of APPEND; `received` is the INTERNALDATE in seconds since 1970, None for now."""

    octets: bytes
    flags: Flags = NO_FLAGS
    received: int | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """RFC 3501 section 6.3.11, with several messages RFC 3502: all are appended or none."""

    mailbox: str
    messages: tuple[NewMessage, ...]


@dataclass(frozen=True, slots=True)
class Replace:
    """RFC 8508: append a message and expunge the one it replaces, both or neither.

    `number` is a message number, or a UID for UID REPLACE; STAR (0) is the last one.
    """

    number: int
    mailbox: str
    message: NewMessage
    by_uid: bool = False


@dataclass(frozen=True, slots=True)
class Unwanted:
    """An APPEND or REPLACE that is refused before its message was sent, by what came before that."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Idle:
    """RFC 2177. The line that ends it comes from `Framer.line` and is checked by `syntax.ends_idle`."""


# Selected (RFC 3501 section 6.4)


@dataclass(frozen=True, slots=True)
class Check:
    """RFC 3501 section 6.4.1."""


@dataclass(frozen=True, slots=True)
class Close:
    """RFC 3501 section 6.4.2."""


@dataclass(frozen=True, slots=True)
class Unselect:
    """RFC 3691."""


@dataclass(frozen=True, slots=True)
class Expunge:
    """RFC 3501 section 6.4.3, and UID EXPUNGE (RFC 4315 section 2.1) when `uids` is given."""

    uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class Fetch:
    """RFC 3501 section 6.4.5; macros are already spelled out, each item at most once.

    `changed_since` and `vanished` are RFC 7162 sections 3.1.4.1 and 3.2.6, `partial` is RFC 9394
    section 3.3. CHANGEDSINCE always holds
    `Attribute.MODSEQ`, as its RFC demands of the answer. `with_uid` are the items as UID FETCH answers them.
    """

    numbers: SequenceSet
    items: tuple[FetchItem, ...]
    by_uid: bool = False
    changed_since: int | None = None
    vanished: bool = False
    partial: tuple[int, int] | None = None

    @property
    def with_uid(self) -> tuple[FetchItem, ...]:
        """The items, and the UID that UID FETCH tells unasked (RFC 3501 section 6.4.8)."""
        return self.items if not self.by_uid or Attribute.UID in self.items else (Attribute.UID, *self.items)


class StoreAction(Enum):
    """What STORE does with the flags it names."""

    REPLACE = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"


@dataclass(frozen=True, slots=True)
class Store:
    """RFC 3501 section 6.4.6; `unchanged_since` is RFC 7162 section 3.1.3."""

    numbers: SequenceSet
    action: StoreAction
    flags: Flags
    silent: bool = False
    by_uid: bool = False
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """RFC 3501 section 6.4.7."""

    numbers: SequenceSet
    mailbox: str
    by_uid: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """RFC 6851."""

    numbers: SequenceSet
    mailbox: str
    by_uid: bool = False


Command = (
    Capability
    | Noop
    | Logout
    | Identify
    | StartTls
    | Authenticate
    | Login
    | Enable
    | Compress
    | Unauthenticate
    | Select
    | Create
    | Delete
    | Rename
    | Subscribe
    | Unsubscribe
    | List
    | Lsub
    | Namespace
    | Status
    | metadata.GetMetadata
    | metadata.SetMetadata
    | quota.GetQuota
    | quota.GetQuotaRoot
    | quota.SetQuota
    | rights.SetAcl
    | rights.DeleteAcl
    | rights.GetAcl
    | rights.ListRights
    | rights.MyRights
    | Append
    | Unwanted
    | Replace
    | Idle
    | notify.Notify
    | Check
    | Close
    | Unselect
    | Expunge
    | Search
    | MultiSearch
    | CancelUpdate
    | Sort
    | Thread
    | Fetch
    | Store
    | Copy
    | Move
)


@dataclass(frozen=True, slots=True)
class Tagged:
    """A command and the tag its answer must carry."""

    tag: str
    command: Command


def name_of(command: Command) -> str:
    """The same whatever its arguments are, for figures."""
    return type(command).__name__.lower()
