"""The letter to very many people, three of them here, and what has become of it."""

from typing import Any

import pytest

from mailserver.outbound.mailings import delivering
from mailserver.outbound.submission.departure import Outcome
from tests.smtp.house import DOMAIN, LIST, House

LETTER = b"Subject: Rentree\r\n\r\nBonjour a tous.\r\n"
SMALL: dict[str, Any] = {"teachers": 2, "staff": 2, "outside": 2, "approval_above": 2, "per_day": 0}
PEOPLE = ("ada", "bob", "ida")
"""Who gets it: the list's members here, and one more."""


def submit(house: House, *recipients: str, author: str = "ada", **options: Any) -> Outcome:
    """Somebody hands it in."""
    person = house.people[author]
    to = recipients or (LIST, f"ida@{DOMAIN}")
    return house.run(house.submission.submit(person, person.address, to, LETTER, **options))


def got(house: House) -> dict[str, int]:
    """How many copies of the letter each of them has."""
    return {name: sum(b"Bonjour a tous" in one for one in house.mail(name)) for name in PEOPLE}


def subjects(house: House, name: str) -> list[str]:
    """What somebody has in their INBOX."""
    return [one.decode().partition("Subject: ")[2].partition("\r\n")[0] for one in house.mail(name)]


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each unit delivers to one person."""
    for name in ("FEWEST", "MOST"):
        monkeypatch.setattr(delivering, name, 1)
