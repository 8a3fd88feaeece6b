"""What the web shows of mailboxes: pages of messages newest first, and messages named by their content.

Every function is scoped by account, or takes a mailbox that its caller has opened. A page is found by key (date, UID),
never by counting rows, so that page 100 costs what page 1 costs.
"""

from mailserver.store.webmail.acting import empty, erase, flag, flag_once, move
from mailserver.store.webmail.bringing import append_new
from mailserver.store.webmail.choosing import Chosen
from mailserver.store.webmail.conversation import conversation
from mailserver.store.webmail.drafting import drafts, is_draft, replace_draft, versions_of
from mailserver.store.webmail.reading import (
    Edge,
    Line,
    Page,
    Stored,
    around,
    lines,
    octets,
    page,
    pick,
    stored,
    uids_of,
)
from mailserver.store.webmail.searching import Found, Group, Scope, excerpts, find, find_in
from mailserver.store.webmail.views import Item, Listed, Sort, View, listed, of_message

__all__ = [
    "Chosen",
    "Edge",
    "Found",
    "Group",
    "Item",
    "Line",
    "Listed",
    "Page",
    "Scope",
    "Sort",
    "Stored",
    "View",
    "append_new",
    "around",
    "conversation",
    "drafts",
    "empty",
    "erase",
    "excerpts",
    "find",
    "find_in",
    "flag",
    "flag_once",
    "is_draft",
    "lines",
    "listed",
    "move",
    "octets",
    "of_message",
    "page",
    "pick",
    "replace_draft",
    "stored",
    "uids_of",
    "versions_of",
]
