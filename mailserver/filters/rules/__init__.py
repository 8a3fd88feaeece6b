"""What people say about their mail in sentences, as values, and the Sieve script that does it. Nothing is read or sent.

conditions, actions   when a rule holds, and what it does
senders               addresses and domains, as rules and the list of the blocked name them
document              all that one account has said, to the script of ours and back
sentences             a rule as people read it
environment           what the server knows of a message and tells scripts, beside its octets
quoting               texts as Sieve writes them
"""

from mailserver.filters.rules.actions import ARCHIVE, SPAM, TRASH, Actions, Folder
from mailserver.filters.rules.conditions import Condition, Field, Match
from mailserver.filters.rules.document import Document, Rule, names_sender, offered_sender, read, written
from mailserver.filters.rules.quoting import Faulty
from mailserver.filters.rules.senders import Blocked

__all__ = [
    "ARCHIVE",
    "SPAM",
    "TRASH",
    "Actions",
    "Blocked",
    "Condition",
    "Document",
    "Faulty",
    "Field",
    "Folder",
    "Match",
    "Rule",
    "names_sender",
    "offered_sender",
    "read",
    "written",
]
