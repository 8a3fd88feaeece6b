"""QUOTA with the resources STORAGE and MESSAGE (RFC 9208): GETQUOTA, GETQUOTAROOT, and the refusal of SETQUOTA."""

from collections.abc import AsyncGenerator

from imap.session.session import Session
from imap.wire.extensions import quota as wire
from imap.wire.responses import Reply, ok
from mailserver.model.errors import Reason, Refused
from mailserver.store.mail.access import quotas
from mailserver.store.mail.access.quotas import Root

Outputs = AsyncGenerator[bytes | Reply, None]


async def get_quota(session: Session, command: wire.GetQuota) -> Outputs:
    """RFC 9208 section 4.1.1."""
    await session.refresh_groups()
    root = await session.services.store.read(quotas.by_name, session.viewer, command.root, session.quota)
    yield _line(root)
    yield ok("GETQUOTA completed")


async def get_quota_root(session: Session, command: wire.GetQuotaRoot) -> Outputs:
    """RFC 9208 section 4.1.2: the limits of whoever owns the mailbox; without limits there is no root."""
    root = await session.services.store.read(quotas.of_mailbox, session.viewer, command.mailbox, session.quota)
    yield wire.quota_root(command.mailbox, (root.name,) if root.is_limited else (), session.utf8)
    if root.is_limited:
        yield _line(root)
    yield ok("GETQUOTAROOT completed")


def set_quota(session: Session, command: wire.SetQuota) -> Outputs:
    """RFC 9208 section 4.1.3: QUOTASET is not announced, limits are set by `mailserver account quota`."""
    raise Refused(Reason.FORBIDDEN, "Quotas are set by the administration")


def _line(root: Root) -> bytes:
    resources = []
    if root.limits.octets:
        resources.append(("STORAGE", wire.storage(root.octets), root.limits.octets // wire.UNIT))
    if root.limits.messages:
        resources.append(("MESSAGE", root.messages, root.limits.messages))
    return wire.quota(root.name, resources)
