"""A hijacked account: one button ends what its thief could go on with; what left is shown and taken back."""

import pytest

from mailserver.filters import Scripts
from mailserver.model.identity import Principal
from mailserver.store.account import accounts, devices, filters, forwards, recoveries
from mailserver.store.account.devices import Scope
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.queue import spool
from mailserver.store.queue.spool import HELD
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.upkeep import securing
from tests.webui.house import House, Visitor
from tests.webui.secondstep import Phone
from tests.webui.test_admin import entered, opened
from tests.webui.test_compose import send
from tests.webui.test_withdrawals import worked

ORIGIN = Origin("piratee", "test")


@pytest.fixture(scope="module")
def console(house: House, administrator: Principal, phone: Phone) -> Visitor:
    return entered(house, administrator, phone)


@pytest.fixture
def thief(house: House) -> tuple[Principal, Visitor]:
    """Somebody's account with what a thief makes there, and the thief's browser."""
    victim = house.person("Pia", "Ratee")
    visitor = house.visitor()
    visitor.log_in(victim.login)
    visitor.get("/s/ecrire")
    send(visitor, a="edupont, x@ailleurs.fr,", objet="Gagnez", texte="Cliquez")
    house.store.write_now(recoveries.set_address, victim.account_id, "voleur@ailleurs.fr")
    house.store.write_now(devices.add, victim.account_id, mark(victim, "h"), "Programme", [Scope.MAIL])
    scripts = Scripts(settings=house.settings, store=house.store)
    put = scripts.put(victim.account_id, "vol", b"discard;", ORIGIN, activate=True)
    house.run(put)
    house.store.write_now(forwards.ask, victim.account_id, "voleur@ailleurs.fr", mark(victim, "t"), 2**40)
    house.store.write_now(forwards.agree, mark(victim, "t"))
    return victim, visitor


def mark(victim: Principal, what: str) -> bytes:
    """What stands for a hash of this account."""
    return f"{what}{victim.account_id}".ljust(32).encode()


def inbox(house: House, person: Principal) -> int:
    return house.store.read_now(mailboxes.get, person.account_id, "INBOX").messages


def queue(house: House, victim: Principal) -> list[bool]:
    """Whether each of the account's rows is held."""
    return [one.error == HELD for one in house.store.read_now(spool.show) if one.sender == victim.address]


def test_everything_ends_and_comes_back(
    house: House, console: Visitor, phone: Phone, emma: Principal, thief: tuple[Principal, Visitor]
) -> None:
    victim, visitor = thief
    path = f"/admin/comptes/{victim.account_id}/piratage"
    assert path in opened(console, house, phone, f"/admin/comptes/{victim.account_id}")
    text = console.get(path).text
    assert "Gagnez" in text
    assert "x@ailleurs.fr" in text
    assert console.post(path, {"faire": "securiser"}).status_code == 422
    assert queue(house, victim) == [False]
    text = console.post(path, {"faire": "securiser", "verifie": "oui"}).text
    assert "1 mots de passe d’application" in text
    assert "1 envois retenus" in text
    assert "vol" in text
    assert "voleur@ailleurs.fr" in text
    assert 'class="secret"' in text
    assert visitor.get("/s/").url.path == "/", "the thief is out"
    standing = house.store.read_now(accounts.get, victim.account_id)
    assert standing is not None
    assert not standing.password_set
    assert queue(house, victim) == [True]
    assert house.store.read_now(devices.listing, victim.account_id) == []
    assert house.store.read_now(filters.active_script, victim.account_id) is None
    assert house.store.read_now(forwards.of_account, victim.account_id) == (None, None)
    assert house.store.read_now(recoveries.address, victim.account_id) == "", "no code goes to the thief"
    assert 'class="secret"' not in console.get(path).text, "shown once"

    before = inbox(house, emma)
    console.post(path, {"faire": "retirer"})
    assert "1 retrait commencé" in console.text
    worked(house)
    assert inbox(house, emma) == before - 1

    console.post(path, {"faire": "annuler"})
    assert "annulée" in console.text
    assert queue(house, victim) == [False]
    assert [one.name for one in house.store.read_now(devices.listing, victim.account_id)] == ["Programme"]
    assert house.store.read_now(devices.by_hash, victim.account_id, mark(victim, "h")) is not None
    active = house.store.read_now(filters.active_script, victim.account_id)
    assert active is not None
    assert active[0].name == "vol"
    agreed, _ = house.store.read_now(forwards.of_account, victim.account_id)
    assert agreed is not None
    assert agreed.address == "voleur@ailleurs.fr"
    assert house.store.read_now(recoveries.address, victim.account_id) == "voleur@ailleurs.fr"
    assert console.post(path, {"faire": "annuler"}).status_code == 422
    rows = house.store.read_now(audit.find, audit.Wanted(action=Action.SECURED), 9)
    assert [row.detail.name for row in rows] == ["secured-undone", "secured"]


def test_done_twice_it_is_undone_whole(house: House, thief: tuple[Principal, Visitor]) -> None:
    victim, _ = thief

    def again(tx: Tx) -> None:
        securing.secure(tx, ORIGIN, victim.account_id)
        devices.add(tx, victim.account_id, b"i" * 32, "Encore", [Scope.MAIL])
        securing.secure(tx, ORIGIN, victim.account_id)
        securing.undo(tx, ORIGIN, victim.account_id)

    house.store.write_now(again)
    names = [one.name for one in house.store.read_now(devices.listing, victim.account_id)]
    assert sorted(names) == ["Encore", "Programme"]
    assert house.store.read_now(filters.active_script, victim.account_id) is not None


def test_nobody_secures_their_own_account(
    house: House, console: Visitor, phone: Phone, administrator: Principal
) -> None:
    path = f"/admin/comptes/{administrator.account_id}/piratage"
    opened(console, house, phone, path)
    console.post(path, {"faire": "securiser", "verifie": "oui"})
    assert "propre compte" in console.text
    assert house.store.read_now(securing.since, administrator.account_id) == 0
