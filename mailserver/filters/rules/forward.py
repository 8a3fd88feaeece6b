"""Mail that is sent on to one other address, with a copy kept, and its Sieve.

It stands in a document once whoever reads the address has agreed (`mailserver.delivery.forwarding`), behind what stops
for junk: what leaves has the academy's name on it.
"""

from dataclasses import dataclass

from mailserver.filters.rules.quoting import Faulty, Part, quoted
from mailserver.filters.sieve import checked_address
from mailserver.texts.text import Text


@dataclass(frozen=True, slots=True)
class Forward:
    """Where mail is sent on to."""

    address: str

    def __post_init__(self) -> None:
        if checked_address(self.address) != self.address:
            raise Faulty(Text("« {name} » n’est pas une adresse.", name=self.address[:60]))

    def script(self) -> Part:
        """The commands."""
        return Part((f"redirect :copy {quoted(self.address)};",), frozenset(("copy",)))
