"""Items of agendas as parts of addresses, for the agenda's own pages and for those that lead to them."""

import base64
import re

_OF_BOTH = frozenset(("nouveau", "a-rendre", "taches", "evenement"))
"""What stands behind `/agenda` and `/s/agenda` alike."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def item_id(collection_id: int, href: str) -> str:
    """An item as part of an address."""
    return f"{collection_id}-{base64.urlsafe_b64encode(href.encode()).decode().rstrip('=')}"


def simplified(path: str) -> str:
    """The page of the agenda in the simplified interface that shows what one of the complete one shows (`/agenda` and
    below); where there is none (agendas that are shared, colours of classes) the same."""
    first, _, rest = path.partition("?")[0].removeprefix("/agenda").lstrip("/").partition("/")
    if not first:
        return "/s/agenda"
    if _DAY.fullmatch(rest):  # of a day, a week, a month
        return f"/s/agenda/{rest}"
    return f"/s{path}" if first in _OF_BOTH else path
