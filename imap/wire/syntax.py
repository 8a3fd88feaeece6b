"""One command's octets to one frozen value (RFC 3501 section 9, and each extension's formal syntax).

`parse` reads the tag first, so that whatever follows can be answered. The tables at the end name every
command there is; each function reads the arguments of one, from the space behind its name to the end.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from imap.wire import listing, select_examine
from imap.wire.commands import (
    Append,
    Authenticate,
    Capability,
    Check,
    Close,
    Command,
    Compress,
    Copy,
    Create,
    Delete,
    Enable,
    Expunge,
    Fetch,
    Identify,
    Idle,
    InitialResponse,
    Login,
    Logout,
    Move,
    Namespace,
    NewMessage,
    Noop,
    Rename,
    Replace,
    StartTls,
    Store,
    StoreAction,
    Subscribe,
    Tagged,
    Unauthenticate,
    Unselect,
    Unsubscribe,
)
from imap.wire.extensions import metadata, notify, quota, rights
from imap.wire.fetch import fetch_items
from imap.wire.fetch.fetch_items import Attribute, FetchItem
from imap.wire.flags import NO_FLAGS
from imap.wire.framing import CommandLine
from imap.wire.grammar import BadCharset, BadCommand, BadMailbox, Cursor
from imap.wire.names import BadName
from imap.wire.search import search_keys
from mailserver.model.credentials.sasl import Secret, decode_response
from mailserver.model.errors import BadSyntax
from mailserver.model.messages.criteria import STAR

_START = re.compile(rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,200}) (?:(UID) )?([A-Z]+)", re.IGNORECASE)
_TAG = re.compile(rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,200})(?: |\Z)")

MAX_CREDENTIAL = 1000
"""Octets of a login or a password."""


def parse(line: CommandLine, utf8: bool = False, *, charset: bool = True) -> Tagged:
    """The command, or BadCommand with its tag (its kinds BadCharset and BadMailbox where the form is right).

    `utf8` says that the client enabled UTF-8 for mailbox names; `charset` whether SEARCH may name one (RFC 9755
    section 3).
    """
    start = _START.match(line.text)
    if start is None:
        tag = _TAG.match(line.text)
        raise BadCommand("Malformed command", tag[1].decode("ascii") if tag else None)
    tag_octets, uid, name = start.groups()
    tag_text = tag_octets.decode("ascii")
    read = (_COMMANDS if uid is None else _UID_COMMANDS).get(name.upper())
    if read is None:
        raise BadCommand("Unknown command", tag_text)
    cursor = Cursor(line, utf8, start.end(), charset=charset)
    try:
        command = read(cursor)
        cursor.end()
    except BadCharset as error:
        raise BadCharset(str(error), tag_text, saves=error.saves) from None
    except BadName as error:
        raise BadMailbox(str(error), tag_text) from None
    except BadSyntax as error:
        raise BadCommand(str(error), tag_text) from None
    return Tagged(tag_text, command)


def ends_idle(octets: bytes) -> bool:
    """True for the line that ends IDLE (RFC 2177): DONE and nothing else."""
    return octets.upper() == b"DONE"


def _constant(command: Command) -> Callable[[Cursor], Command]:
    """A command without arguments."""
    return lambda cursor: command


# Any state, not authenticated


def _identify(cursor: Cursor) -> Command:
    """RFC 2971 section 4: NIL, or at most 30 pairs of a string and an nstring."""
    cursor.space()
    if not cursor.sees(b"("):
        if cursor.nstring() is not None:
            raise BadSyntax("Expected a list or NIL")
        return Identify(None)
    return Identify(tuple(cursor.pairs(most=30)))


def _authenticate(cursor: Cursor) -> Command:
    cursor.space()
    mechanism = cursor.atom().upper()
    if not cursor.skip(b" "):
        return Authenticate(mechanism)
    # RFC 4959 section 3: base64, or `=` for an empty response.
    return Authenticate(mechanism, InitialResponse(decode_response(cursor.rest())))


def _login(cursor: Cursor) -> Command:
    cursor.space()
    login = cursor.text_astring()
    cursor.space()
    secret = cursor.text_astring()
    if len(login) > MAX_CREDENTIAL or len(secret) > MAX_CREDENTIAL:
        raise BadSyntax("Login or password is too long")
    return Login(login, Secret(secret))


# Authenticated


def _enable(cursor: Cursor) -> Command:
    names = []
    while cursor.skip(b" "):
        names.append(cursor.atom().upper())
    if not names:
        raise BadSyntax("Missing argument")
    return Enable(tuple(dict.fromkeys(names)))


def _create(cursor: Cursor) -> Command:
    cursor.space()
    mailbox = cursor.mailbox()
    uses: tuple[str, ...] = ()
    if cursor.skip(b" "):
        # RFC 6154 section 3: (USE (\Sent ...)).
        cursor.expect(b"(")
        if cursor.word() != "USE":
            raise BadSyntax("Unknown parameter")
        cursor.space()
        uses = tuple(cursor.items(cursor.use, empty=True, most=20))
        cursor.expect(b")")
    name = mailbox.removesuffix("/")
    if not name:
        raise BadName("Empty mailbox name")
    return Create(name, uses)


def _compress(cursor: Cursor) -> Command:
    cursor.space()
    return Compress(cursor.atom().upper())


def _mailbox(make: Callable[[str], Command]) -> Callable[[Cursor], Command]:
    """A command whose one argument is a mailbox."""

    def read(cursor: Cursor) -> Command:
        cursor.space()
        return make(cursor.mailbox())

    return read


def _rename(cursor: Cursor) -> Command:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    return Rename(mailbox, cursor.mailbox())


def _append(cursor: Cursor) -> Command:
    """RFC 3501 section 6.3.11 and RFC 3502 section 6.3.11: one or more messages."""
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    messages = [_new_message(cursor)]
    while cursor.skip(b" "):
        messages.append(_new_message(cursor))
    return Append(mailbox, tuple(messages))


def _new_message(cursor: Cursor) -> NewMessage:
    flags, received = NO_FLAGS, None
    if cursor.sees(b"("):
        flags = cursor.flags()
        cursor.space()
    if cursor.sees(b'"'):
        received = cursor.date_time()
        cursor.space()
    if cursor.sees_word(b"UTF8 (~"):  # RFC 6855 section 4; RFC 9755 needs no such mark any more
        cursor.word()
        cursor.space()
        cursor.expect(b"(")
        message = NewMessage(cursor.literal(), flags, received)
        cursor.expect(b")")
        return message
    return NewMessage(cursor.literal(), flags, received)


def _replace(by_uid: bool) -> Callable[[Cursor], Command]:
    def read(cursor: Cursor) -> Command:
        """RFC 8508 section 3.5: one number, then what APPEND takes, with one message."""
        cursor.space()
        number = STAR if cursor.skip(b"*") else cursor.nz_number()
        cursor.space()
        mailbox = cursor.mailbox()
        cursor.space()
        return Replace(number, mailbox, _new_message(cursor), by_uid)

    return read


# Selected


def _uid_expunge(cursor: Cursor) -> Command:
    cursor.space()
    return Expunge(cursor.sequence_set())


Asked = tuple[tuple[FetchItem, ...], bool, int | None, bool, tuple[int, int] | None]
"""What `Fetch` has behind its message numbers."""

SHORT = 200
"""Octets of what FETCH asks for that are remembered: clients have a handful of such texts, and say them all day."""


def _fetch(by_uid: bool) -> Callable[[Cursor], Command]:
    @lru_cache(maxsize=256)
    def known(text: bytes) -> Asked:
        cursor = Cursor(CommandLine(text))
        asked = _asked(cursor, by_uid)
        cursor.end()
        return asked

    def read(cursor: Cursor) -> Command:
        cursor.space()
        numbers = cursor.sequence_set()
        cursor.space()
        text = cursor.plain_rest(SHORT)
        return Fetch(numbers, *(known(text) if text else _asked(cursor, by_uid)))

    return read


def _asked(cursor: Cursor, by_uid: bool) -> Asked:
    items = fetch_items.items(cursor)
    modifiers = _FetchModifiers()
    if cursor.skip(b" "):
        modifiers.read(cursor)
    if not by_uid and (modifiers.vanished or modifiers.partial is not None):
        raise BadSyntax("VANISHED and PARTIAL are for UID FETCH")
    since = modifiers.changed_since
    if since is not None and Attribute.MODSEQ not in items:
        items = (*items, Attribute.MODSEQ)  # RFC 7162 section 3.1.4.1
    return items, by_uid, since, modifiers.vanished, modifiers.partial


class _FetchModifiers:
    """(CHANGEDSINCE n VANISHED PARTIAL a:b), in any order (RFC 7162 sections 3.1.4.1, 3.2.6, RFC 9394 section 3.3)."""

    def __init__(self) -> None:
        self.changed_since: int | None = None
        self.vanished = False
        self.partial: tuple[int, int] | None = None

    def read(self, cursor: Cursor) -> None:
        cursor.items(lambda: self._one(cursor), most=3)
        if self.vanished and self.changed_since is None:
            raise BadSyntax("VANISHED needs CHANGEDSINCE")

    def _one(self, cursor: Cursor) -> None:
        word = cursor.word()
        if word == "CHANGEDSINCE" and self.changed_since is None:
            cursor.space()
            self.changed_since = cursor.number64()
        elif word == "PARTIAL" and self.partial is None:
            cursor.space()
            self.partial = search_keys.partial_range(cursor)
        elif word == "VANISHED" and not self.vanished:
            self.vanished = True
        else:
            raise BadSyntax("Unknown fetch modifier")


def _store(by_uid: bool) -> Callable[[Cursor], Command]:
    def read(cursor: Cursor) -> Command:
        cursor.space()
        numbers = cursor.sequence_set()
        cursor.space()
        unchanged_since: int | None = None
        if cursor.skip(b"("):
            if cursor.word() != "UNCHANGEDSINCE":
                raise BadSyntax("Unknown store modifier")
            cursor.space()
            unchanged_since = cursor.number64()
            cursor.expect(b")")
            cursor.space()
        word = cursor.word()
        try:
            action = StoreAction(word.removesuffix(".SILENT"))
        except ValueError:
            raise BadSyntax("Unknown store item") from None
        cursor.space()
        return Store(numbers, action, cursor.flags(bare=True), word.endswith(".SILENT"), by_uid, unchanged_since)

    return read


def _copy(make: Callable[..., Command], by_uid: bool) -> Callable[[Cursor], Command]:
    def read(cursor: Cursor) -> Command:
        cursor.space()
        numbers = cursor.sequence_set()
        cursor.space()
        return make(numbers, cursor.mailbox(), by_uid)

    return read


_COMMANDS: dict[bytes, Callable[[Cursor], Command]] = {
    b"CAPABILITY": _constant(Capability()),
    b"NOOP": _constant(Noop()),
    b"LOGOUT": _constant(Logout()),
    b"ID": _identify,
    b"STARTTLS": _constant(StartTls()),
    b"AUTHENTICATE": _authenticate,
    b"LOGIN": _login,
    b"ENABLE": _enable,
    b"COMPRESS": _compress,
    b"UNAUTHENTICATE": _constant(Unauthenticate()),
    b"SELECT": select_examine.select(read_only=False),
    b"EXAMINE": select_examine.select(read_only=True),
    b"CREATE": _create,
    b"DELETE": _mailbox(Delete),
    b"RENAME": _rename,
    b"SUBSCRIBE": _mailbox(Subscribe),
    b"UNSUBSCRIBE": _mailbox(Unsubscribe),
    b"LIST": listing.list_,
    b"LSUB": listing.lsub,
    b"NAMESPACE": _constant(Namespace()),
    b"STATUS": listing.status,
    b"GETMETADATA": metadata.get_metadata,
    b"SETMETADATA": metadata.set_metadata,
    b"GETQUOTA": quota.get_quota,
    b"GETQUOTAROOT": quota.get_quota_root,
    b"SETQUOTA": quota.set_quota,
    b"SETACL": rights.set_acl,
    b"DELETEACL": rights.delete_acl,
    b"GETACL": rights.get_acl,
    b"LISTRIGHTS": rights.list_rights,
    b"MYRIGHTS": rights.my_rights,
    b"APPEND": _append,
    b"IDLE": _constant(Idle()),
    b"NOTIFY": notify.notify,
    b"CHECK": _constant(Check()),
    b"CLOSE": _constant(Close()),
    b"UNSELECT": _constant(Unselect()),
    b"EXPUNGE": _constant(Expunge()),
    b"SEARCH": lambda cursor: search_keys.search(cursor, by_uid=False),
    b"ESEARCH": search_keys.esearch,
    b"CANCELUPDATE": search_keys.cancel_update,
    b"SORT": lambda cursor: search_keys.sort(cursor, by_uid=False),
    b"THREAD": lambda cursor: search_keys.thread(cursor, by_uid=False),
    b"FETCH": _fetch(by_uid=False),
    b"STORE": _store(by_uid=False),
    b"REPLACE": _replace(by_uid=False),
    b"COPY": _copy(Copy, by_uid=False),
    b"MOVE": _copy(Move, by_uid=False),
}

_UID_COMMANDS: dict[bytes, Callable[[Cursor], Command]] = {
    b"EXPUNGE": _uid_expunge,
    b"SEARCH": lambda cursor: search_keys.search(cursor, by_uid=True),
    b"SORT": lambda cursor: search_keys.sort(cursor, by_uid=True),
    b"THREAD": lambda cursor: search_keys.thread(cursor, by_uid=True),
    b"FETCH": _fetch(by_uid=True),
    b"STORE": _store(by_uid=True),
    b"REPLACE": _replace(by_uid=True),
    b"COPY": _copy(Copy, by_uid=True),
    b"MOVE": _copy(Move, by_uid=True),
}
