"""Items of agendas as parts of addresses, for the agenda's own pages and for those that lead to them."""

import base64


def item_id(collection_id: int, href: str) -> str:
    """An item as part of an address."""
    return f"{collection_id}-{base64.urlsafe_b64encode(href.encode()).decode().rstrip('=')}"
