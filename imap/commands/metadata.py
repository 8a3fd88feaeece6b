"""METADATA (RFC 5464): GETMETADATA and SETMETADATA, for mailboxes and the server."""

from collections.abc import AsyncGenerator
from functools import partial

from imap.session.session import Session
from imap.wire import codes
from imap.wire.codes import Code, CodeName
from imap.wire.extensions import metadata as wire
from imap.wire.responses import Reply, no, ok
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Role
from mailserver.store.mail.access import annotations
from mailserver.store.mail.access.annotations import MAX_VALUE, PRIVATE, SHARED, FixedUse, TooMany

Outputs = AsyncGenerator[bytes | Reply, None]

ADMIN = "/shared/admin"
"""How the server's administration is reached (section 3.2.1.1): nobody sets it."""
VENDOR_LEVELS = 5
"""Of `/shared/vendor/TOKEN/NAME`, the empty one in front counted (section 3.2.1)."""


async def get_metadata(session: Session, command: wire.GetMetadata) -> Outputs:
    """RFC 5464 section 4.2: entries that exist, as deep as was asked; those too large are only counted. There is always
    an answer: an entry of which nothing exists, nor below it where that was asked, has no value (NIL)."""
    await session.refresh_groups()
    held = await session.services.store.read(annotations.get, session.viewer, command.mailbox)
    if not command.mailbox:
        held[ADMIN] = f"mailto:postmaster@{session.services.settings.domain}".encode("idna")
    found = {name: value for name, value in held.items() if _is_wanted(name, command)}
    shown: dict[str, bytes | None] = {
        name: value for name, value in found.items() if command.max_size is None or len(value) <= command.max_size
    }
    shown |= dict.fromkeys(entry for entry in command.entries if not any(map(partial(_covers, command, entry), found)))
    yield wire.metadata(command.mailbox, shown, session.utf8)
    left_out = max((len(value) for name, value in found.items() if name not in shown), default=None)
    yield ok("GETMETADATA completed", wire.long_entries(left_out) if left_out is not None else None)


def _is_wanted(name: str, command: wire.GetMetadata) -> bool:
    return any(_covers(command, wanted, name) for wanted in command.entries)


def _covers(command: wire.GetMetadata, wanted: str, name: str) -> bool:
    """Whether a name is the wanted one, or as far below it as the command says."""
    below = name.startswith(wanted + "/") and name.count("/") - wanted.count("/") <= command.depth
    return name == wanted or below


async def set_metadata(session: Session, command: wire.SetMetadata) -> Outputs:
    """RFC 5464 section 4.3: all of it, or nothing."""
    await session.refresh_groups()
    values = dict(command.values)
    for name, value in values.items():
        _check_name(name)
        if name == ADMIN and not command.mailbox:
            raise Refused(Reason.FORBIDDEN, "This entry is read-only")
        if value is not None and len(value) > MAX_VALUE:
            yield no("Value too large", codes.annotation_limit(MAX_VALUE))
            return
    try:
        numbers = await session.services.store.write(
            annotations.change,
            session.viewer,
            command.mailbox,
            values,
            may_set_server=session.principal.role is Role.ADMIN,
        )
    except TooMany as refusal:
        yield no(refusal.text, wire.TOO_MANY)
        return
    except FixedUse as refusal:
        yield no(refusal.text, Code(CodeName.USEATTR))
        return
    if session.annotation_news is not None:
        session.annotation_news.made(numbers)
    yield ok("SETMETADATA completed")


def _check_name(name: str) -> None:
    """Names begin with one of two words, and a vendor's have two more levels (section 3.2.1)."""
    levels = name.split("/")
    vendor = len(levels) > 2 and levels[2] == "vendor"
    if not name.startswith((PRIVATE, SHARED)) or (vendor and len(levels) < VENDOR_LEVELS):
        raise Refused(Reason.INVALID, "No such entry")
