"""ACL (RFC 4314): SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS."""

from collections.abc import AsyncGenerator

from imap.session.session import Session
from imap.wire.extensions import rights as wire
from imap.wire.responses import Reply, ok
from mailserver.model.errors import Refused
from mailserver.model.folding import fold_login
from mailserver.store.mail import access
from mailserver.store.mail.access.rights import NONE, parse, write
from mailserver.store.record.audit import Origin

Outputs = AsyncGenerator[bytes | Reply, None]


async def set_acl(session: Session, command: wire.SetAcl) -> Outputs:
    """RFC 4314 section 3.1."""
    await session.refresh_groups()
    identifier = await session.services.sharing.identifier(command.identifier)
    await session.services.store.write(
        access.change,
        session.viewer,
        command.mailbox,
        identifier,
        command.mode,
        parse(command.rights),
        _origin(session),
        negative=command.negative,
    )
    yield ok("SETACL completed")


async def delete_acl(session: Session, command: wire.DeleteAcl) -> Outputs:
    """RFC 4314 section 3.2; also of somebody the directory does not know any more."""
    await session.refresh_groups()
    try:
        identifier = await session.services.sharing.identifier(command.identifier)
    except Refused:
        identifier = fold_login(command.identifier)
    await session.services.store.write(
        access.change,
        session.viewer,
        command.mailbox,
        identifier,
        "=",
        NONE,
        _origin(session),
        negative=command.negative,
    )
    yield ok("DELETEACL completed")


def _origin(session: Session) -> Origin:
    who = session.principal
    return Origin(who.login, "imap", session.connection.peer, who.account_id, who.login_version)


async def get_acl(session: Session, command: wire.GetAcl) -> Outputs:
    """RFC 4314 section 3.3."""
    await session.refresh_groups()
    entries = await session.services.store.read(access.entries, session.viewer, command.mailbox)
    said = [(identifier, negative, write(rights)) for identifier, negative, rights in entries]
    yield wire.acl(command.mailbox, said, session.utf8)
    yield ok("GETACL completed")


async def list_rights(session: Session, command: wire.ListRights) -> Outputs:
    """RFC 4314 section 3.4: the owner has every right always; others may be given those that the rules leave."""
    await session.refresh_groups()
    identifier = await session.services.sharing.identifier(command.identifier)
    always = await session.services.store.read(access.always, session.viewer, command.mailbox, identifier)
    optional = (
        ""
        if always
        else write(await session.services.store.read(access.grantable, session.viewer, command.mailbox, identifier))
    )
    yield wire.listed_rights(command, write(always), optional, session.utf8)
    yield ok("LISTRIGHTS completed")


async def my_rights(session: Session, command: wire.MyRights) -> Outputs:
    """RFC 4314 section 3.5."""
    await session.refresh_groups()
    rights = await session.services.store.read(access.mine, session.viewer, command.mailbox)
    yield wire.my_rights_line(command.mailbox, write(rights), session.utf8)
    yield ok("MYRIGHTS completed")
