"""A code generator, and how it is set up: for tests of whoever has a second factor."""

import re

from passlib.totp import TOTP  # type: ignore[import-untyped]

from tests.webui.house import PASSWORD, House, Visitor

FACTOR = "/compte/double-authentification"


class Phone:
    """A code generator, on the house's clock."""

    def __init__(self, house: House, secret: str) -> None:
        self._house = house
        self.secret = secret
        self._generator = TOTP(secret.replace("-", ""))

    def code(self, steps: int = 0) -> str:
        return str(self._generator.generate(time=int(self._house.clock.now()) + 30 * steps).token)


def begin(visitor: Visitor, password: str = PASSWORD) -> str:
    """As far as the QR code; the secret."""
    visitor.get(FACTOR)
    visitor.post(FACTOR, {"faire": "commencer", "actuel": password})
    found = re.search(r'class="secret"><code>([^<]+)', visitor.text)
    assert found, visitor.text
    return found[1]


def set_up(house: House, visitor: Visitor) -> tuple[Phone, list[str]]:
    """Switch the factor on; the phone, and the recovery codes."""
    phone = Phone(house, begin(visitor))
    visitor.post(FACTOR, {"faire": "confirmer", "etape": visitor.field("etape"), "code": phone.code()})
    codes = re.findall(r"<li>\s*<code>([A-Z2-7-]+)", visitor.text)
    house.clock.ahead += 30
    return phone, codes
