"""Whom somebody wrote to and heard from lately, from the envelopes of the newest messages."""

import re
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select

from mailserver.mime.header import headers
from mailserver.model.folding import could_be_address
from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.schema.mail.messages import content, message

SENT = "\\Sent"
_STRING = r'NIL|"(?:[^"\\]++|\\.)*+"'
_ADDRESS = re.compile(rf"\(({_STRING}) (?:{_STRING}) ({_STRING}) ({_STRING})\)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PER_MESSAGE = 50
"""Addresses that one message counts for: a mailing of hundreds is nobody's circle."""

_WRITTEN = Statement(
    select(content.c.envelope, message.c.internal_date)
    .select_from(message.join(content, content.c.id == message.c.content_id))
    .where(message.c.mailbox_id == bindparam("box"))
    .order_by(message.c.uid.desc())
    .limit(bindparam("most"))
)
_HEARD = Statement(
    select(content.c.sender, content.c.sender_address, message.c.internal_date)
    .select_from(message.join(content, content.c.id == message.c.content_id))
    .where(
        message.c.mailbox_id == bindparam("box"),
        # What somebody else put there, nobody was heard from by.
        or_(message.c.door != int(Door.APPENDED), message.c.door_account == bindparam("account")),
    )
    .order_by(message.c.uid.desc())
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Recent:
    """Somebody, by address; `at` the last time, `times` how often among the newest messages."""

    name: str
    address: str
    at: int
    times: int
    written: bool
    """The person wrote to them; otherwise they wrote."""


def written_to(tx: Tx, account_id: int, messages: int) -> list[Recent]:
    """Recipients of the newest sent messages, the latest first."""
    box = mailboxes.by_use(tx, account_id, SENT)
    found: dict[str, Recent] = {}
    for envelope, at in tx.all(_WRITTEN, box=box.id, most=messages) if box is not None else ():
        # From, Sender and Reply-To stand there too: they are the writer's own, whom the caller leaves out.
        for name, local, domain in _ADDRESS.findall(bytes(envelope).decode("utf-8", "replace"))[:_PER_MESSAGE]:
            if "NIL" not in (local, domain):
                _count(found, _plain(name), f"{_plain(local)}@{_plain(domain)}", at, written=True)
    return list(found.values())


def heard_from(tx: Tx, account_id: int, messages: int) -> list[Recent]:
    """Senders of the newest messages of the inbox, the latest first."""
    box = mailboxes.get(tx, account_id, mailboxes.INBOX)
    found: dict[str, Recent] = {}
    for sender, address, at in tx.all(_HEARD, box=box.id, account=account_id, most=messages):
        if address:
            _count(found, "" if sender == address else sender, address, at, written=False)
    return list(found.values())


def _count(found: dict[str, Recent], name: str, address: str, at: int, *, written: bool) -> None:
    key = address.casefold()
    name = "" if could_be_address(name) else name
    before = found.get(key)
    if before is None:
        found[key] = Recent(name, address, at, 1, written)
    else:
        found[key] = Recent(before.name or name, before.address, before.at, before.times + 1, written)


def _plain(string: str) -> str:
    """A quoted string of IMAP as text."""
    if string == "NIL":
        return ""
    return headers.decode_words(_ESCAPE.sub(r"\1", string[1:-1]))
