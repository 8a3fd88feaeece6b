"""Administrators are told of a certificate that nobody renewed: from two weeks before its end, more often at last."""

import pytest

from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import NewPerson, Principal, Role
from mailserver.store.upkeep import certificates
from tests.background.conftest import DAY, PASSWORD, House, text_of
from tests.certificate_files import write_pair


@pytest.fixture
async def admin(house: House) -> Principal:
    write_pair(house.settings.directory / "tls", "mail.ac-exemple.fr", days=30)
    one = await house.worker.directory.add(NewPerson("Ada", "Min", Role.ADMIN))
    await house.worker.directory.set_password(one.account_id, Secret(PASSWORD))
    return one


async def told(house: House, admin: Principal, seconds: float = 0) -> list[str]:
    """What they were told until then, some time later."""
    for _ in range(max(1, int(seconds // DAY))):
        await house.round(min(seconds, DAY))
    return [text_of(one) for one in await house.inbox(admin)]


async def test_from_two_weeks_before_and_not_each_day(house: House, admin: Principal) -> None:
    assert await told(house, admin, 15 * DAY) == []
    (first,) = await told(house, admin, 2 * DAY)
    for needed in (
        "Le certificat de ac-exemple.fr expire le",
        "The certificate of ac-exemple.fr expires on",
        "It is not renewed by itself.",
        "mailserver check",
    ):
        assert needed in first
    assert len(await told(house, admin, 3 * DAY)) == 2
    before = len(await told(house, admin, 6 * DAY))
    assert before in (3, 4)
    after = await told(house, admin, 5 * DAY)
    assert before + 4 <= len(after) <= before + 5, "each day at the end"
    assert "has expired" in after[-1]


async def test_why_it_was_not_renewed(house: House, admin: Principal) -> None:
    house.settings.acme.__dict__["agree_to_terms"] = True
    lease = await house.store.write(certificates.take_lease, 60, due_only=False)
    await house.store.write(certificates.fail, lease, "challenge", "mail.ac-exemple.fr: nobody there", 0)
    (only,) = await told(house, admin, 17 * DAY)
    assert "could not verify that the names are ours (mail.ac-exemple.fr: nobody there)." in only


async def test_a_new_one_ends_it(house: House, admin: Principal) -> None:
    assert len(await told(house, admin, 17 * DAY)) == 1
    write_pair(house.settings.directory / "tls", "mail.ac-exemple.fr", days=120)
    assert len(await told(house, admin, 9 * DAY)) == 1


async def test_a_further_one_that_ends_first(house: House, admin: Principal) -> None:
    """Not one whose names the instance's own has as well: it takes its place then."""
    house.settings.acme.__dict__["agree_to_terms"] = True
    folder = house.settings.directory / "tls"
    write_pair(folder, "mail.ac-exemple.fr", "autoconfig.ac-exemple.fr", days=120)
    for called in ("autoconfig.ac-exemple.fr", "ancien"):
        write_pair(folder / "sni" / called, "autoconfig.ac-exemple.fr", days=10)
    assert await told(house, admin) == []
    write_pair(folder / "sni" / "webmail.ac-exemple.fr", "webmail.ac-exemple.fr", days=10)
    (only,) = await told(house, admin, DAY)
    assert "The certificate of webmail.ac-exemple.fr expires on" in only
    assert "It is not renewed by itself." in only
