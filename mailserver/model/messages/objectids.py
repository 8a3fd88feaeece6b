"""Object identifiers of mailboxes, messages and threads (RFC 8474), computed from what is stored.

Nothing is kept for them: the same content has the same identifiers in every mailbox, after every move, backup and
restore, and an identifier tells nobody what others hold (a row's number would: it says whether a content is new).
"""

import hashlib

_OCTETS = 16


def mailbox_id(uidvalidity: int) -> str:
    """MAILBOXID (section 4): UIDVALIDITY is a number no mailbox ever had before, and a renamed mailbox keeps it."""
    return f"F{uidvalidity}"


def email_id(content_hash: bytes) -> str:
    """EMAILID (section 5.1) of the content with this 32-octet hash."""
    return f"M{content_hash[:_OCTETS].hex()}"


def content_hashes(identifier: str) -> tuple[bytes, bytes] | None:
    """The lowest and the highest hash a content of this EMAILID can have; None when it is none of ours."""
    if len(identifier) != 1 + 2 * _OCTETS or identifier != identifier[0] + identifier[1:].lower():
        return None
    try:
        start = bytes.fromhex(identifier[1:])
    except ValueError:
        return None
    if len(start) != _OCTETS or identifier[0] != "M":
        return None
    return start + b"\x00" * (32 - _OCTETS), start + b"\xff" * (32 - _OCTETS)


def thread_id(ids: str) -> str | None:
    """THREADID (section 5.2): of the message a thread began with.

    `ids` are the message ids of References, else of In-Reply-To, else of the message itself, space separated. A
    reply's References begin with the first message of its thread (RFC 5322 section 3.6.4), so that all of a thread name
    one message, in whatever order they arrive; where programs leave References out, an answer shares the identifier of
    the message it answers only if that one began the thread. None: the message names no message at all.
    """
    root = ids.partition(" ")[0]
    if not root:
        return None
    return f"T{hashlib.blake2b(root.encode('utf-8', 'replace'), digest_size=_OCTETS).hexdigest()}"


def thread_number(ids: str) -> int:
    """The same as a number that a column holds and an index finds; 0: the message names no message at all."""
    root = ids.partition(" ")[0]
    if not root:
        return 0
    digest = hashlib.blake2b(root.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) or 1
