"""What a run is given, whom it asks, and what it decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from mailserver.mime.header import header_limit

if TYPE_CHECKING:
    from mailserver.filters.sieve.script import Script


Piece = bytes | range
"""Of a body that was written anew: new octets, or which of the body as it came."""


def divided(octets: bytes) -> tuple[int, int]:
    """Where the header of a message ends, and where its body starts."""
    end = header_limit.end(octets, len(octets))
    return end, end + 2 if octets.startswith(b"\r\n", end) else min(end + 1, len(octets))


@dataclass(frozen=True, slots=True)
class Facts:
    """A message that arrives for an account."""

    header: bytes
    """Its header; the blank line that ends it may stand there or not."""
    body: Callable[[int], bytes]
    """The first octets of its body, as many as are asked for. Called only when a test needs them."""
    size: int
    """Octets of the whole message."""
    envelope_from: str
    """The reverse-path; empty for `<>`."""
    envelope_to: str
    """The recipient that led to this account, as it was given, with its detail."""
    addresses: frozenset[str]
    """Every address of the account, in lower case: what `vacation` looks for in To and Cc."""
    now: datetime
    """When it arrived, in the zone of the account."""
    spam: int | None = None
    """0 (not tested: None) 1 (surely not) to 10 (surely), as RFC 5235 section 2.1 counts."""
    virus: int | None = None
    """1 (none) to 5 (surely), as RFC 5235 section 3 counts; None where nobody looked."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Items of `environment` (RFC 5183) beside those that every run knows."""
    subaddress: str = "+"
    """Characters of which the first to stand in a local part separates a user's name from a detail (RFC 5233)."""

    @staticmethod
    def of(
        octets: bytes,
        *,
        now: datetime,
        envelope_from: str = "",
        envelope_to: str = "",
        addresses: frozenset[str] = frozenset(),
        spam: int | None = None,
        virus: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "Facts":
        """Those of a message at hand."""
        end, start = divided(octets)
        return Facts(
            header=octets[:end],
            body=lambda most: octets[start : start + most],
            size=len(octets),
            envelope_from=envelope_from,
            envelope_to=envelope_to,
            addresses=addresses,
            now=now,
            spam=spam,
            virus=virus,
            environment=environment or {},
        )


class Host(Protocol):
    """What a script may ask of the account it runs for. Answers come from what was read before: nothing here waits."""

    def mailbox_exists(self, name: str) -> bool:
        """Whether the account has this mailbox and may file into it (RFC 5490 section 3.1)."""

    def special_use(self, use: str) -> str | None:
        """The mailbox with this special-use flag, `\\Junk` (RFC 8579); None when there is none."""

    def in_list(self, name: str, value: str) -> bool | None:
        """Whether a value is a member of an external list (RFC 6134); None when there is no such list."""

    def script(self, location: str, name: str) -> "Script | None":
        """A script to include (RFC 6609): `location` is `personal` or `global`."""

    def seen(self, handle: str, seconds: int, last: bool) -> bool:
        """Whether a handle of `duplicate` (RFC 7352) was remembered and is not forgotten yet."""

    def mailbox_by_id(self, object_id: str) -> str | None:
        """The mailbox with this object id (RFC 9042); None when there is none."""

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        """An annotation of a mailbox, or of the server where none is named (RFC 5490 sections 4 and 5)."""


class NoHost:
    """One that has only an inbox: for trying scripts."""

    def mailbox_exists(self, name: str) -> bool:
        return name.upper() == "INBOX"

    def special_use(self, use: str) -> str | None:
        return None

    def in_list(self, name: str, value: str) -> bool | None:
        return None

    def script(self, location: str, name: str) -> "Script | None":
        return None

    def seen(self, handle: str, seconds: int, last: bool) -> bool:
        return False

    def mailbox_by_id(self, object_id: str) -> str | None:
        return None

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class Edited:
    """A message that a script has changed. Of one state of a message there is one object."""

    header: bytes
    """Up to the blank line."""
    body: "tuple[Piece, ...] | None" = None
    """What `replace` and `enclose` made of it (RFC 5703); None: as it came."""

    def applied(self, octets: bytes) -> bytes:
        """The message that this one became."""
        end, start = divided(octets)
        header = self.header + (b"" if self.header.endswith(b"\n") or not self.header else b"\r\n")
        if self.body is None:
            return header + octets[end:]
        came = memoryview(octets)[start:]
        pieces = [came[one.start : one.stop] if isinstance(one, range) else one for one in self.body]
        return b"".join([header, b"\r\n", *pieces])


@dataclass(frozen=True, slots=True)
class Keep:
    """Into the inbox."""

    flags: tuple[str, ...] = ()
    edited: Edited | None = None
    """The message as it was when the script met the action (RFC 5293 section 7); None: as it came."""
    implicit: bool = True
    """The script said nothing of where it goes."""


@dataclass(frozen=True, slots=True)
class FileInto:
    """Into a mailbox, or into the one with a special use where there is one."""

    mailbox: str
    flags: tuple[str, ...] = ()
    create: bool = False
    """Make it where it does not exist (RFC 5490 section 3.2)."""
    special_use: str = ""
    """The mailbox with this flag goes before `mailbox` (RFC 8579 section 4)."""
    mailbox_id: str = ""
    """The mailbox with this object id goes before `mailbox` (RFC 9042)."""
    edited: Edited | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """To another address."""

    address: str
    copy: bool = False
    """The message is kept as well, unless something else says otherwise (RFC 3894)."""
    list: str = ""
    """Members of this external list instead of an address (RFC 6134 section 2.4)."""
    edited: Edited | None = None


@dataclass(frozen=True, slots=True)
class Discard:
    """Nowhere: nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refused with a reason (RFC 5429)."""

    reason: str
    extended: bool
    """`ereject`: at the protocol's level where that is still possible."""


@dataclass(frozen=True, slots=True)
class Fcc:
    """Where a copy of what is sent goes (RFC 8580)."""

    mailbox: str
    flags: tuple[str, ...] = ()
    create: bool = False
    special_use: str = ""


@dataclass(frozen=True, slots=True)
class Vacation:
    """An answer to the envelope's sender (RFC 5230). That it may be sent was looked at here as far as the message tells
    (RFC 5230 section 4.5, 4.6); that this sender was answered before is for the account's memory to know."""

    recipient: str
    """Whom it goes to."""
    reason: str
    """Text, or with `mime` the octets of a MIME entity with its header."""
    mime: bool
    subject: str
    """As asked for, or `Auto: ` and the subject of the message; decoded."""
    sender: str
    """The From asked for; empty: the account's own address."""
    seconds: int
    """How long the same sender is not answered again; 0: each time (RFC 6131)."""
    handle: str
    """Answers with one handle are one answer."""
    fcc: Fcc | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    """A notice by mail (RFC 5436)."""

    to: tuple[str, ...]
    """Addresses of the URI."""
    subject: str
    body: str
    sender: str
    """The From asked for; empty: the service's own."""
    importance: int
    """1 high, 2 normal, 3 low."""
    options: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    """Fields of the URI that may be set."""
    fcc: Fcc | None = None


Action = Keep | FileInto | Redirect | Discard | Reject | Vacation | Notify


@dataclass(frozen=True, slots=True)
class Mark:
    """A handle of `duplicate` to remember once the message is delivered (RFC 7352)."""

    handle: str
    seconds: int
    last: bool
    """Counted from the last time it was seen, not the first."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the message."""

    actions: tuple[Action, ...]
    """In their order, each once; the implicit keep is a Keep."""
    marks: tuple[Mark, ...] = ()

    @property
    def keeps(self) -> bool:
        """Whether it is stored anywhere."""
        return any(isinstance(action, Keep | FileInto) for action in self.actions)
