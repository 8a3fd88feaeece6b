"""Who reaches which mailbox: own ones, those that others granted (RFC 4314), those of functional boxes.

A name or a mailbox's number is looked up for a `Viewer`, never alone; what they may not look up is not there for them.
Each change asks for its rights in the unit that makes it, so a right that was withdrawn is gone at once. What somebody
does in a mailbox of another is put on record with their account.

Flags are shared: \\Seen, like every flag, is the mailbox's and not the reader's (RFC 4314 section 4 leaves this to the
server). In a functional box it says that somebody has read a message.
"""

from mailserver.store.mail.access.acl import always, change, entries, grantable, mine, shared_with
from mailserver.store.mail.access.acts import (
    Act,
    MissingTarget,
    acts,
    append,
    appendable,
    copy,
    destination,
    expunge,
    move,
    replace,
    store_flags,
)
from mailserver.store.mail.access.folders import create, remove, rename, subscribe
from mailserver.store.mail.access.reaching import (
    FUNCTIONS,
    OTHERS,
    Reach,
    find,
    groups,
    held_boxes,
    is_foreign,
    listing,
    require,
    rights_on,
)
from mailserver.store.mail.access.rights import ALL, ANYONE, CHANGING, GROUP, Rights, Viewer, changeable

__all__ = [
    "ALL",
    "ANYONE",
    "CHANGING",
    "FUNCTIONS",
    "GROUP",
    "OTHERS",
    "Act",
    "MissingTarget",
    "Reach",
    "Rights",
    "Viewer",
    "acts",
    "always",
    "append",
    "appendable",
    "change",
    "changeable",
    "copy",
    "create",
    "destination",
    "entries",
    "expunge",
    "find",
    "grantable",
    "groups",
    "held_boxes",
    "is_foreign",
    "listing",
    "mine",
    "move",
    "remove",
    "rename",
    "replace",
    "require",
    "rights_on",
    "shared_with",
    "store_flags",
    "subscribe",
]
