"""APPEND and REPLACE refused before the message is sent, when the client waits to be asked for it (RFC 3501 sections
4.3, 6.3.11): nobody uploads twenty megabytes to hear that the mailbox is not there, or full.

Whoever appends many small messages to one mailbox is asked for them at once: looking would cost more than it saves.
"""

import re
from collections.abc import AsyncGenerator

from imap.session.session import Session
from imap.session.states import State
from imap.wire.commands import Append, Delete, Enable, Rename, Replace, Tagged, Unwanted
from imap.wire.framing import LiteralWanted
from imap.wire.responses import Reply
from mailserver.store.mail import access

SMALL = 64 * 1024
"""Octets of a message that may as well be sent in vain."""

UNSETTLING = (Delete, Rename, Enable)
"""What may take the mailbox away that has just been looked at, or spell names in another way."""

_MAILBOX = re.compile(rb"[!-~]+ APPEND ([^ \"\r]+|\"[^\"\\\r]*\") ", re.IGNORECASE)


def is_plain(session: Session, wanted: LiteralWanted) -> bool:
    """Whether the literal is to be asked for without a look: nothing of this command is known that could refuse it."""
    if wanted.begun is None or session.state is State.NOT_AUTHENTICATED:
        return True
    return wanted.size <= SMALL and session.appends.open_to != b"" and _named(wanted) == session.appends.open_to


def _named(wanted: LiteralWanted) -> bytes:
    """An APPEND's mailbox as the client spells it; empty for another command, and where its name is a literal."""
    found = _MAILBOX.match(wanted.begun.text) if wanted.begun is not None else None
    return found[1] if found is not None else b""


async def refusal(session: Session, begun: Tagged, wanted: LiteralWanted) -> Tagged | None:
    """What is to be run in place of a command that has begun, its last message being the literal; None: nothing."""
    store, command = session.services.store, begun.command
    try:
        match command:
            case Append(mailbox, messages):
                octets = wanted.size + sum(len(message.octets) for message in messages)
                await store.read_apart(access.appendable, session.viewer, mailbox, octets, len(messages), session.quota)
                session.appends.open_to = _named(wanted)
            case Replace(mailbox=mailbox) if session.state is State.SELECTED:  # what it frees is looked at then
                await store.read_apart(access.destination, session.viewer, mailbox)
    except Exception as error:  # noqa: BLE001 - `commands.run` has the funnel for it
        return Tagged(begun.tag, Unwanted(error))
    return None


def unwanted(session: Session, command: Unwanted) -> AsyncGenerator[bytes | Reply, None]:
    """Raises what refuses the command."""
    raise command.error
