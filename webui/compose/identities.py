"""In whose name somebody may write: themselves, under any of their addresses, and their functional boxes."""

from dataclasses import dataclass

from mailserver.errors import Reason, Refused
from mailserver.mime.fields import Correspondent
from mailserver.store.access import boxes
from webui.compose.letters import Letter
from webui.visit import Services, Visit


@dataclass(frozen=True, slots=True)
class Identity:
    """One line of the field "De"."""

    value: str
    """What the form posts: the address, and ` part` for "on behalf of"."""
    name: str
    address: str
    behalf: bool = False


async def identities(services: Services, visit: Visit) -> list[Identity]:
    """Everything the person may write as, their first address first. Raises Temporary."""
    own = visit.principal
    found = [Identity("", own.name, own.address)]
    found += [Identity(alias, own.name, alias) for alias in own.aliases if alias.casefold() != own.address.casefold()]
    for address in sorted(await services.store.read(boxes.sendable, visit.account_id)):
        name = await _name(services, address)
        found.append(Identity(address, name, address))
        found.append(Identity(f"{address} part", name, address, behalf=True))
    return found


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
    mine = {one.address.casefold(): one.value for one in await identities(services, visit) if not one.behalf}
    folded = [address.casefold() for address in addresses]
    if visit.principal.address.casefold() in folded:
        return ""
    return next((mine[address] for address in folded if address in mine), "")


async def _name(services: Services, address: str) -> str:
    rosters = await services.directory.rosters(address)
    return rosters[0].name if rosters else ""
