"""Rights on a mailbox (RFC 4314 section 2.1), and which flags each lets somebody change."""

from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.model.errors import BadSyntax
from mailserver.model.rules import Sharing
from mailserver.store.mail.flags import DELETED, SEEN

Rights = frozenset[str]

ORDER = "lrswipkxtea"
"""Lookup, read, seen, write other flags, insert, post, create, delete mailbox, delete messages, expunge, administer."""
ALL: Rights = frozenset(ORDER)
NONE: Rights = frozenset()
_OBSOLETE = {"c": "kx", "d": "te"}
"""RFC 2086's rights and what they stand for here (RFC 4314 section 2.1.1)."""
CHANGING: Rights = frozenset("istew")
"""Whoever has none of them finds the mailbox read-only (section 4)."""
READING: Rights = frozenset("lr")
"""What lets somebody read and leave no trace that its owner would read."""
TELLING: Rights = frozenset("lrikxa")
"""Whoever has one of them may ask for their rights (section 4, MYRIGHTS)."""

ANYONE = "anyone"
GROUP = "$"
"""Begins the identifier of a group: a list's address follows."""

WORDS: dict[str, Rights] = {
    "read": frozenset("lr"),
    "write": frozenset("lrswipte"),
    "manage": ALL,
    "send": NONE,
}
"""What the words of a functional box's roster let its holders do in its mailboxes. Who only reads leaves no message
\\Seen: it stays new to those who are to answer it."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks for mailboxes: their account, and the identifiers that lists of rights may know them by."""

    account_id: int
    identifiers: tuple[str, ...] = (ANYONE,)

    @classmethod
    def of(cls, account_id: int, login: str, groups: Iterable[str] = ()) -> "Viewer":
        return cls(account_id, (login, ANYONE, *groups))


def parse(text: str) -> Rights:
    """Rights as a client writes them. Raises BadSyntax for what is none (RFC 4314 section 3.1)."""
    rights = frozenset("".join(_OBSOLETE.get(letter, letter) for letter in text))
    if not rights <= ALL:
        raise BadSyntax("No such right")
    return rights


def write(rights: Rights) -> str:
    """Rights in one order; the obsolete ones stand behind those that they stand for (section 2.1.1)."""
    said = "".join(letter for letter in ORDER if letter in rights)
    return said + "".join(old for old, meant in _OBSOLETE.items() if rights & frozenset(meant))


def is_wide(identifier: str) -> bool:
    """True for everybody and for groups: rights that reach people whom nobody named."""
    return identifier == ANYONE or identifier.startswith(GROUP)


def within(rights: Rights, sharing: Sharing) -> Rights:
    """Those of these rights that the rules between populations leave."""
    if sharing is Sharing.CHANGING:
        return rights
    return rights & READING if sharing is Sharing.READING else NONE


def changeable(rights: Rights) -> int:
    """The flags that rights let one change, as a mask; -1: all of them (section 4, STORE)."""
    mask = ~(SEEN | DELETED) if "w" in rights else 0
    return mask | (SEEN if "s" in rights else 0) | (DELETED if "t" in rights else 0)
