"""ACL (RFC 4314): its commands as values, their grammar, and its answers."""

from collections.abc import Iterable
from dataclasses import dataclass

from imap.wire import names, strings
from imap.wire.grammar import Cursor
from mailserver.model.errors import BadSyntax

RIGHTS = "lrswipkxteacd"
"""What may stand in rights: those of RFC 4314 section 2.1 and the obsolete two of section 2.1.1."""


@dataclass(frozen=True, slots=True)
class SetAcl:
    """RFC 4314 section 3.1: mode "=" sets, "+" adds, "-" removes; `negative`: rights that are taken away."""

    mailbox: str
    identifier: str
    mode: str
    rights: str
    negative: bool = False


@dataclass(frozen=True, slots=True)
class DeleteAcl:
    """RFC 4314 section 3.2."""

    mailbox: str
    identifier: str
    negative: bool = False


@dataclass(frozen=True, slots=True)
class GetAcl:
    """RFC 4314 section 3.3."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class ListRights:
    """RFC 4314 section 3.4."""

    mailbox: str
    identifier: str
    negative: bool = False


@dataclass(frozen=True, slots=True)
class MyRights:
    """RFC 4314 section 3.5."""

    mailbox: str


def set_acl(cursor: Cursor) -> SetAcl:
    mailbox = _mailbox(cursor)
    identifier, negative = _identifier(cursor)
    cursor.space()
    text = cursor.text_astring()
    mode = text[:1] if text[:1] in ("+", "-") else "="
    rights = text if mode == "=" else text[1:]
    if not set(rights) <= set(RIGHTS):
        raise BadSyntax("No such right")
    return SetAcl(mailbox, identifier, mode, rights, negative)


def delete_acl(cursor: Cursor) -> DeleteAcl:
    return DeleteAcl(_mailbox(cursor), *_identifier(cursor))


def get_acl(cursor: Cursor) -> GetAcl:
    return GetAcl(_mailbox(cursor))


def list_rights(cursor: Cursor) -> ListRights:
    return ListRights(_mailbox(cursor), *_identifier(cursor))


def my_rights(cursor: Cursor) -> MyRights:
    return MyRights(_mailbox(cursor))


def _mailbox(cursor: Cursor) -> str:
    cursor.space()
    return cursor.mailbox()


def _identifier(cursor: Cursor) -> tuple[str, bool]:
    """Behind a `-` rights are taken away (section 2)."""
    cursor.space()
    text = cursor.text_astring()
    return (text[1:], True) if text.startswith("-") else (text, False)


def acl(mailbox: str, entries: Iterable[tuple[str, bool, str]], utf8: bool = False) -> bytes:
    """ACL (section 3.6): identifiers, whether their rights are taken away, and the rights."""
    said = [names.encode(mailbox, utf8)]
    for identifier, negative, rights in entries:
        said += (_spelt(_signed(identifier, negative)), _spelt(rights))
    return b"* ACL %s\r\n" % b" ".join(said)


def listed_rights(asked: ListRights, always: str, optional: Iterable[str], utf8: bool = False) -> bytes:
    """LISTRIGHTS (section 3.7): the rights there always are, and those that may be given or taken away, one by one."""
    identifier = _signed(asked.identifier, asked.negative)
    said = [names.encode(asked.mailbox, utf8), *map(_spelt, (identifier, always, *optional))]
    return b"* LISTRIGHTS %s\r\n" % b" ".join(said)


def my_rights_line(mailbox: str, rights: str, utf8: bool = False) -> bytes:
    """MYRIGHTS (section 3.8)."""
    return b"* MYRIGHTS %s %s\r\n" % (names.encode(mailbox, utf8), _spelt(rights))


def _signed(identifier: str, negative: bool) -> str:
    return f"-{identifier}" if negative else identifier


def _spelt(text: str) -> bytes:
    return strings.astring(text.encode())
