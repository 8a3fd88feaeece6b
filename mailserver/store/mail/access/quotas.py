"""Quota roots (RFC 9208): every account is one, named by its login; a functional box by its address."""

from dataclasses import dataclass

from mailserver.model.errors import Reason, Refused
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import messages
from mailserver.store.mail.access.acl import owner_name
from mailserver.store.mail.access.reaching import find, is_foreign, listing
from mailserver.store.mail.access.rights import Viewer
from mailserver.store.mail.messages import NO_QUOTA, Quota


@dataclass(frozen=True, slots=True)
class Root:
    """An account's limits and what it holds, in octets and messages."""

    name: str
    limits: Quota
    octets: int
    messages: int

    @property
    def is_limited(self) -> bool:
        return self.limits != NO_QUOTA


def of_mailbox(tx: Tx, viewer: Viewer, name: str, default: Quota) -> Root:
    """The root of a mailbox that somebody may read, or of one that they would make by this name (RFC 9208 section
    4.1.2: it need not exist). Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN).
    """
    account_id = find(tx, viewer, name, "r").box.account_id if is_foreign(name) else viewer.account_id
    return _root(tx, owner_name(tx, account_id), account_id, default)


def by_name(tx: Tx, viewer: Viewer, name: str, default: Quota) -> Root:
    """One's own root, or that of somebody with a mailbox one may read. Raises Refused(NO_SUCH_MAILBOX)."""
    found = accounts.by_login(tx, name)
    if found is not None and (
        found.id == viewer.account_id
        or any(reach.box.account_id == found.id and "r" in reach.rights for reach in listing(tx, viewer))
    ):
        return _root(tx, found.login, found.id, default)
    raise Refused(Reason.NO_SUCH_MAILBOX, "No such quota root")


def _root(tx: Tx, name: str, account_id: int, default: Quota) -> Root:
    return Root(name, messages.quota(tx, account_id, default), *messages.usage(tx, account_id))
