"""In whose name somebody may write: themselves, under any of their addresses, and their functional boxes."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.store.mail.access import boxes
from mailserver.store.mail.access.boxes import Standing
from webui.compose.message.message_form import Letter
from webui.page.context import Services, Visit


@dataclass(frozen=True, slots=True)
class Identity:
    """One line of the field "De"."""

    value: str
    """What the form posts: the address, and ` part` for "on behalf of"."""
    name: str
    address: str
    behalf: bool = False
    box: bool = False
    """It is a functional box's."""
    keeps: bool = False
    """What is sent in its name is kept in the box, where its other holders see it."""


@dataclass(frozen=True, slots=True)
class Answering:
    """Somebody who answers a message, or writes from where they read."""

    owns: Callable[[str], bool]
    """Which addresses are theirs: an answer does not go there."""
    sender: str = ""
    """In whose name: the functional box's address, if they may; empty: their own."""
    standing: Standing | None = None
    """Before a mailbox of others."""


async def identities(services: Services, visit: Visit) -> list[Identity]:
    """Everything the person may write as, their first address first. Raises Temporary."""
    own = visit.principal
    found = [Identity("", own.name, own.address)]
    found += [Identity(alias, own.name, alias) for alias in own.aliases if alias.casefold() != own.address.casefold()]
    viewer = await services.sharing.viewer(visit.principal)
    for address, keeps in sorted((await services.store.read(boxes.copies, viewer)).items()):
        name = await _name(services, address)
        found.append(Identity(address, name, address, box=True, keeps=keeps))
        found.append(Identity(f"{address} part", name, address, behalf=True, box=True, keeps=keeps))
    return found


async def answering(services: Services, visit: Visit, box_id: int) -> Answering:
    """Who somebody is that writes from a mailbox; `box_id` 0: from their own mail.

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN), Temporary.
    """
    own = visit.principal
    if not box_id:
        return Answering(own.owns)
    viewer = await services.sharing.viewer(own)
    standing = await services.store.read(boxes.standing, viewer, box_id)
    if fold_login(standing.owner) == fold_login(own.login):
        return Answering(own.owns)
    if not standing.sends:
        return Answering(own.owns, standing=standing)
    domains = {fold_login(domain) for domain in services.settings.domains}
    theirs = {f"{standing.box.rpartition('@')[0]}@{domain}" for domain in domains}
    return Answering(lambda address: own.owns(address) or fold_login(address) in theirs, standing.box, standing)


async def correspondent(services: Services, visit: Visit, letter: Letter) -> Correspondent:
    """Who the letter is from. Raises Refused(SENDER_NOT_OWNED), Temporary."""
    own = visit.principal
    if not letter.sender:
        return Correspondent(own.name, own.address)
    if own.owns(letter.sender):
        return Correspondent(own.name, letter.sender)
    if letter.sender not in await services.store.read(boxes.sendable, visit.account_id):
        raise Refused(Reason.SENDER_NOT_OWNED)
    return Correspondent(await _name(services, letter.sender), letter.sender)


async def of_recipient(services: Services, visit: Visit, addresses: list[str]) -> str:
    """The address that an answer is from: the box or alias that the message came to; empty: the person's first one."""
    mine = {
        identity.address.casefold(): identity.value
        for identity in await identities(services, visit)
        if not identity.behalf
    }
    folded = [address.casefold() for address in addresses]
    if visit.principal.address.casefold() in folded:
        return ""
    return next((mine[address] for address in folded if address in mine), "")


async def _name(services: Services, address: str) -> str:
    rosters = await services.directory.rosters(address)
    return rosters[0].name if rosters else ""
