"""What a form carries from one step to the next: sealed for this browser and one purpose, good for a while."""

import base64
import binascii
import json
from collections.abc import Sequence

from mailserver.model.errors import BadSyntax
from webui.page.context import VISITOR, Guest, Services

Value = str | int | bool

MAX_SEALED = 2000


def seal(services: Services, guest: Guest, purpose: str, values: Sequence[Value], seconds: int) -> str:
    """The values as a form field that only this browser can give back, and only for this purpose."""
    octets = json.dumps([*values, int(guest.now) + seconds]).encode()
    return base64.urlsafe_b64encode(services.keys.seal(_key(guest, purpose), octets)).decode("ascii")


def unseal(services: Services, guest: Guest, purpose: str, sealed: str) -> list[Value] | None:
    """The values; None when another browser or purpose sealed them, or too long ago. Raises BadSyntax."""
    try:
        octets = services.keys.unseal(_key(guest, purpose), base64.urlsafe_b64decode(sealed[:MAX_SEALED]))
    except (binascii.Error, ValueError):
        raise BadSyntax("Not a sealed value") from None
    if octets is None:
        return None
    *values, until = json.loads(octets)
    return values if guest.now <= until else None


def _key(guest: Guest, purpose: str) -> str:
    return f"{purpose} {guest.new_visitor or guest.cookie(VISITOR)}"
