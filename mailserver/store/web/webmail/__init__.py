"""What the web shows of mailboxes: pages of messages newest first, and messages named by their content.

Every function is scoped by account, or takes a mailbox that its caller has opened. A page is found by key (date, UID),
never by counting rows, so that page 100 costs what page 1 costs. `mailbox_pages`, `folders`, `compose_data` and
`visitors` read what one page needs on one snapshot; `handling` does what somebody chose, unit by unit.
"""

from mailserver.store.web.webmail.acting import empty, erase, flag, flag_once, move
from mailserver.store.web.webmail.bringing import append_new
from mailserver.store.web.webmail.choosing import Chosen
from mailserver.store.web.webmail.conversation import conversation
from mailserver.store.web.webmail.drafting import drafts, is_draft, replace_draft, versions_of
from mailserver.store.web.webmail.reading import Edge, Line, Page, Stored, around, lines, octets, page, pick, stored
from mailserver.store.web.webmail.searching import Found, Group, Scope, excerpts, find, find_in
from mailserver.store.web.webmail.views import Item, Listed, Sort, View, listed, neighbours, of_message

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
    "neighbours",
    "octets",
    "of_message",
    "page",
    "pick",
    "replace_draft",
    "stored",
    "versions_of",
]
