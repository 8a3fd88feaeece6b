"""People's own lists from any mail client: expanded at submission, for their owner alone, telling nobody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.foundation.settings import Limits
from mailserver.store.account import accounts
from mailserver.store.people.mailing_lists import personal_lists
from tests.lists.house import arrive, at, queue, school_in, send, without_mail
from tests.smtp.house import DOMAIN, House

ADDRESS = f"ines+liste.chorale@{DOMAIN}"


@pytest.fixture(scope="module")
def school(instance_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with school_in(tmp_path_factory.mktemp("personal") / "dir", instance_template) as house:
        members = [at("tom"), at("lea"), at("gil"), "amie@ailleurs.fr"]
        house.store.write_now(personal_lists.create, house.people["ines"].account_id, "Chorale", members)
        house.store.write_now(personal_lists.create, house.people["ines"].account_id, "Vide", [])
        yield house


@pytest.fixture
def house(school: House) -> House:
    without_mail(school)
    return school


def test_its_owner_writes_to_everybody_and_nobody_sees_the_others(house: House) -> None:
    assert send(house, "ines", ADDRESS) == {}
    (tom,), (lea,) = house.mail("tom"), house.mail("lea")
    assert tom == lea, "one copy"
    assert f"To: {ADDRESS}".encode() in tom
    for other in (at("lea"), at("tom"), "amie@ailleurs.fr"):
        assert other.encode() not in tom
    (entry,) = queue(house)
    assert (entry.recipients, entry.sender) == (("amie@ailleurs.fr",), at("ines"))
    assert house.mail("ines") == []


def test_whoever_else_writes_to_that_address_writes_to_its_owner(house: House) -> None:
    """A reply to all reaches whoever wrote; nobody learns whether the list exists."""
    assert send(house, "tom", ADDRESS) == {}
    assert arrive(house, "x@exemple.org", ADDRESS) == {}
    assert arrive(house, "x@exemple.org", f"ines+liste.nulle-part@{DOMAIN}") == {}
    assert len(house.mail("ines")) == 3
    assert house.mail("lea") == []


def test_an_own_list_that_is_not_there_or_empty_is_told(house: House) -> None:
    for key in ("nulle-part", "vide"):
        address = f"ines+liste.{key}@{DOMAIN}"
        code, text = send(house, "ines", address)[address]
        assert (code, text[:5]) == (550, b"5.1.1")


def test_any_of_the_owners_addresses_leads_to_it(house: House) -> None:
    assert send(house, "ines", f"INES+Liste.Chorale@{DOMAIN}") == {}
    primary = house.people["ines"].address.replace("@", "+liste.chorale@")
    assert send(house, "ines", primary) == {}
    assert len(house.mail("tom")) == 2


def test_members_expanded_count_as_recipients(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"a{n}@ailleurs.fr" for n in range(101)]
    number = house.store.write_now(personal_lists.create, house.people["rose"].account_id, "Beaucoup", many)
    monkeypatch.setattr(house.submission.routing, "_limits", Limits(recipients=100))
    with pytest.raises(Exception, match="Too many recipients"):
        send(house, "rose", f"rose+liste.beaucoup@{DOMAIN}")
    house.store.write_now(personal_lists.remove, house.people["rose"].account_id, number)


def test_suspended_members_are_left_out(house: House) -> None:
    house.store.write_now(accounts.suspend, house.people["lea"].account_id, "x", False)
    try:
        assert send(house, "ines", ADDRESS) == {}
        assert len(house.mail("tom")) == 1
        assert house.mail("lea") == []
    finally:
        house.store.write_now(accounts.resume, house.people["lea"].account_id)
