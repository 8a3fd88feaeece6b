"""What one transaction of the store does for a message: its content, its appearances, its queue rows."""

from collections.abc import Sequence

from mailserver.accounts.provision import provision
from mailserver.delivery.envelope import Part
from mailserver.model.errors import Temporary
from mailserver.model.provenance import Provenance
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.queue import moderation_queue, spool, traces
from mailserver.store.queue.traces import Trace

TOLD = 20
"""Messages waiting for a list's owners about which they are told one by one."""


def deliver_parts(
    tx: Tx, parts: Sequence[Part], known: dict[int, int], lifetime: int, trace: Trace | None = None
) -> tuple[int, list[str], dict[int, int]]:
    """Every copy of a message, what lists hold of it, the notices to their owners, and the trace.

    Returns the first content's id, the files that turned out not to be needed, and the INBOX of each account.
    """
    first = 0
    unused: list[str] = []
    targets: dict[int, int] = {}
    crowded: set[str] = set()
    for part in parts:
        file = part.prepared.file
        if part.only_if_held in crowded:
            unused += [file] if file is not None else []
            continue
        inboxes = {account: known[account] for account in part.accounts if account in known}
        content_id, used, placed = deliver_unit(tx, part.prepared, part.accounts, inboxes, part.provenance)
        first = first or content_id
        unused += [file] if file is not None and not used else []
        targets.update(placed)
        if part.targets:
            spool.enqueue(tx, content_id, part.reverse_path, part.targets, lifetime=lifetime, options=part.options)
        for hold in part.holds:
            if moderation_queue.hold(tx, content_id, hold) >= TOLD:
                crowded.add(hold.list)
    if trace is not None:
        traces.record(tx, trace)
    return first, unused, targets


def deliver_unit(
    tx: Tx,
    prepared: blobs.Prepared,
    accounts: Sequence[int],
    known: dict[int, int],
    provenance: Provenance,
) -> tuple[int, bool, dict[int, int]]:
    """One content, one appearance in each account's INBOX.

    Returns the content's id, whether `prepared` became it, and the INBOX of each account.
    """
    content_id, used = messages.store_content(tx, prepared)
    if len(accounts) == 1 and accounts[0] in known:
        messages.place(tx, accounts[0], known[accounts[0]], content_id, prepared.size, provenance=provenance)
        targets = known
    else:
        targets = messages.inboxes(tx, accounts)
        for account_id in accounts:
            if account_id not in targets:
                provision(tx, account_id)
                targets.update(messages.inboxes(tx, [account_id]))
            if account_id not in targets:  # nothing may be acknowledged that nobody gets
                raise Temporary("An account has no INBOX")
        messages.place_many(tx, targets, content_id, prepared.size, provenance)
    return content_id, used, targets
