"""Public keys that signatures name, as name servers tell of them now."""

from collections.abc import Collection

from mailserver.foundation.network.resolver import LookupFailed
from mailserver.inbound.authentication import keys
from mailserver.inbound.authentication.dkim_check import Keys
from mailserver.inbound.authentication.lookups import Lookups, together


async def find(asked: Lookups, names: Collection[str], services: tuple[bytes, ...] = (b"email",)) -> Keys:
    """Each of these by its name in DNS; None where nobody knows now."""
    found: dict[str, keys.Key | keys.BadKey | None] = {}

    async def ask(name: str) -> None:
        try:
            found[name] = keys.read(await asked.texts(name), services)
        except keys.BadKey as error:
            found[name] = error
        except LookupFailed:
            found[name] = None

    await together([ask(name) for name in names])
    return found
