"""Response codes: what stands in brackets after OK, NO, BAD or BYE (RFC 3501 section 7.1, RFC 5530)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from imap.wire.sets import compact


class CodeName(bytes, Enum):
    """The codes this server uses; each is the octets of its name (to ask an Enum for its value runs Python code)."""

    ALERT = b"ALERT"
    BADCHARSET = b"BADCHARSET"
    CAPABILITY = b"CAPABILITY"
    PERMANENTFLAGS = b"PERMANENTFLAGS"
    READ_ONLY = b"READ-ONLY"
    READ_WRITE = b"READ-WRITE"
    TRYCREATE = b"TRYCREATE"
    UNSEEN = b"UNSEEN"
    # RFC 4315 (UIDPLUS)
    APPENDUID = b"APPENDUID"
    COPYUID = b"COPYUID"
    # RFC 7162 (CONDSTORE, QRESYNC)
    HIGHESTMODSEQ = b"HIGHESTMODSEQ"
    MODIFIED = b"MODIFIED"
    CLOSED = b"CLOSED"
    # RFC 5530
    UNAVAILABLE = b"UNAVAILABLE"
    AUTHENTICATIONFAILED = b"AUTHENTICATIONFAILED"
    AUTHORIZATIONFAILED = b"AUTHORIZATIONFAILED"
    EXPIRED = b"EXPIRED"
    PRIVACYREQUIRED = b"PRIVACYREQUIRED"
    CONTACTADMIN = b"CONTACTADMIN"
    NOPERM = b"NOPERM"
    INUSE = b"INUSE"
    EXPUNGEISSUED = b"EXPUNGEISSUED"
    CORRUPTION = b"CORRUPTION"
    SERVERBUG = b"SERVERBUG"
    CANNOT = b"CANNOT"
    LIMIT = b"LIMIT"
    OVERQUOTA = b"OVERQUOTA"
    ALREADYEXISTS = b"ALREADYEXISTS"
    NONEXISTENT = b"NONEXISTENT"
    # RFC 4469
    TOOBIG = b"TOOBIG"
    # RFC 8474
    MAILBOXID = b"MAILBOXID"
    # RFC 3516
    UNKNOWN_CTE = b"UNKNOWN-CTE"
    # RFC 9586
    UIDREQUIRED = b"UIDREQUIRED"
    # RFC 5267
    NOUPDATE = b"NOUPDATE"
    # RFC 5465
    BADEVENT = b"BADEVENT"
    NOTIFICATIONOVERFLOW = b"NOTIFICATIONOVERFLOW"
    # RFC 5464
    METADATA = b"METADATA"
    # RFC 9585
    INPROGRESS = b"INPROGRESS"
    # RFC 9738
    MESSAGELIMIT = b"MESSAGELIMIT"
    # RFC 4978
    COMPRESSIONACTIVE = b"COMPRESSIONACTIVE"
    # RFC 6154
    USEATTR = b"USEATTR"
    # RFC 5466, 6237 and later ones come with their capability.


@dataclass(frozen=True, slots=True)
class Code:
    """A response code and its arguments, rendered."""

    name: CodeName
    arguments: bytes = b""

    def encode(self) -> bytes:
        if not self.arguments:
            return b"[%s]" % self.name
        return b"[%s %s]" % (self.name, self.arguments)


def number(name: CodeName, value: int) -> Code:
    """UNSEEN, HIGHESTMODSEQ: a code with one number."""
    return Code(name, b"%d" % value)


def capability(names: Iterable[str]) -> Code:
    """The capabilities, for the greeting and the answer to a login (RFC 3501 section 7.1)."""
    return Code(CodeName.CAPABILITY, " ".join(names).encode("ascii"))


def permanent_flags(names: bytes) -> Code:
    """PERMANENTFLAGS; `names` as `FlagNames.all` gives them, with `\\*` when keywords may be made."""
    return Code(CodeName.PERMANENTFLAGS, b"(%s)" % names)


def mailbox_id(identifier: str) -> Code:
    """MAILBOXID (RFC 8474 sections 4.1, 4.2)."""
    return Code(CodeName.MAILBOXID, b"(%s)" % identifier.encode("ascii"))


def message_limit(most: int, lowest_uid: int | None = None) -> Code:
    """MESSAGELIMIT (RFC 9738 section 3.1): the lowest UID that was worked on, where something was."""
    return Code(CodeName.MESSAGELIMIT, b"%d" % most if lowest_uid is None else b"%d %d" % (most, lowest_uid))


def annotation_limit(most: int) -> Code:
    """What the value of an annotation may be at most (RFC 5464 section 4.3)."""
    return Code(CodeName.METADATA, b"MAXSIZE %d" % most)


def in_progress(tag: str) -> Code:
    """INPROGRESS (RFC 9585 section 4); a tag that would end the code is not told."""
    return Code(CodeName.INPROGRESS, b"(NIL NIL NIL)" if "]" in tag else b'("%s" NIL NIL)' % tag.encode("ascii"))


def bad_charset() -> Code:
    """The charsets SEARCH knows (RFC 3501 section 6.4.4)."""
    return Code(CodeName.BADCHARSET, b"(US-ASCII UTF-8)")


def append_uid(uidvalidity: int, uids: Iterable[int]) -> Code:
    """RFC 4315 section 3; several UIDs for MULTIAPPEND, ascending."""
    return Code(CodeName.APPENDUID, b"%d %s" % (uidvalidity, compact(uids)))


def copy_uid(uidvalidity: int, sources: Iterable[int], copies: Iterable[int]) -> Code:
    """RFC 4315 section 3: the two sets correspond one to one, both ascending."""
    return Code(CodeName.COPYUID, b"%d %s %s" % (uidvalidity, compact(sources), compact(copies)))


def modified(numbers: Iterable[int]) -> Code:
    """Messages that UNCHANGEDSINCE left alone (RFC 7162 section 3.1.3): numbers, or UIDs for UID STORE."""
    return Code(CodeName.MODIFIED, compact(numbers))


def no_update(tag: str) -> Code:
    """The search whose results are not kept up (RFC 5267 section 4.3.1)."""
    return Code(CodeName.NOUPDATE, b'"%s"' % tag.encode("ascii"))
