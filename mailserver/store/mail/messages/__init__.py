"""Messages in mailboxes: append, copy, move, flag, expunge, fetch. The only place that mints UID and MODSEQ.

Every function is scoped by account and begins by reading (or locking) the mailbox row; the row's counters
move in the same unit as the messages they count. One mod-sequence per unit and mailbox: messages changed
together share it (RFC 7162 section 3.1 asks only that it grows).

On PostgreSQL rows are locked in this order, so that units that meet do not deadlock: contents, the account
(folders only), mailboxes by id, their messages.
"""

from mailserver.store.mail.messages.append import (
    Appended,
    Placing,
    append,
    find_content,
    inboxes,
    place,
    place_batch,
    place_many,
    store_content,
    store_contents,
)
from mailserver.store.mail.messages.bulk_columns import HEAVY, LIGHT, fetch_columns, fetch_columns_of, fetch_some
from mailserver.store.mail.messages.copy_move import Copied, copy, move, move_or_drop_keywords, rename
from mailserver.store.mail.messages.expunge import erase, expunge
from mailserver.store.mail.messages.flagging import ensure_flags, ensure_flags_many, mark_seen_by_session, store_flags
from mailserver.store.mail.messages.quotas import NO_QUOTA, Quota, check_quota, quota, room, set_message_quota, usage
from mailserver.store.mail.messages.reading import (
    changed_since,
    count_deleted,
    deleted_octets,
    fetch,
    fetch_uids,
    find,
    join_octets,
    newest,
    octets,
    ranges,
    state,
)

__all__ = [
    "HEAVY",
    "LIGHT",
    "NO_QUOTA",
    "Appended",
    "Copied",
    "Placing",
    "Quota",
    "append",
    "changed_since",
    "check_quota",
    "copy",
    "count_deleted",
    "deleted_octets",
    "ensure_flags",
    "ensure_flags_many",
    "erase",
    "expunge",
    "fetch",
    "fetch_columns",
    "fetch_columns_of",
    "fetch_some",
    "fetch_uids",
    "find",
    "find_content",
    "inboxes",
    "join_octets",
    "mark_seen_by_session",
    "move",
    "move_or_drop_keywords",
    "newest",
    "octets",
    "place",
    "place_batch",
    "place_many",
    "quota",
    "ranges",
    "rename",
    "room",
    "set_message_quota",
    "state",
    "store_content",
    "store_contents",
    "store_flags",
    "usage",
]
