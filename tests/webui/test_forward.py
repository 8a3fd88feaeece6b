"""Mail that is sent on: asked of whoever reads the address, agreed to behind a link, ended by its owner, by IT, by an
address that refuses; and owners are told, whichever door it was set by."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest

from mailserver.background.housekeeping import Housekeeper
from mailserver.delivery import Envelope
from mailserver.delivery.forwarding import Forwards
from mailserver.filters import Scripts
from mailserver.filters.documents import NAME, Documents, Rules
from mailserver.filters.rules import Document, written
from mailserver.filters.rules.forward import Forward
from mailserver.model.clock import DAY
from mailserver.model.identity import Principal
from mailserver.model.rules import Sender
from mailserver.store.account import forwards, recoveries
from mailserver.store.record import audit, trusted_clock
from mailserver.store.record.audit import Origin
from tests.webui.boxes import FULL, Box
from tests.webui.house import PASSWORD, House, Visitor, mail
from tests.webui.secondstep import Phone
from tests.webui.test_admin import entered
from tests.webui.test_lists import make

PAGE = "/s/reglages/transfert"
LINK = re.compile(r"https?://\S+(/transfert/[0-9a-f]{40})")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), sqlite_template, filters={"redirect": "anywhere"})
    yield made
    made.close()


@pytest.fixture
def browser(house: House, rose: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(rose.login)
    return made


@pytest.fixture
def console(house: House, administrator: Principal, phone: Phone) -> Visitor:
    return entered(house, administrator, phone)


def ask(browser: Visitor, address: str, password: str = PASSWORD, page: str = PAGE) -> str:
    browser.get(page)
    return browser.post(page, {"faire": "demander", "adresse": address, "actuel": password}).text


def left(house: House, address: str) -> list[EmailMessage]:
    """What left for an address elsewhere."""
    return [parsed(octets) for to, octets in house.outgoing() if to == address]


def parsed(octets: bytes) -> EmailMessage:
    found = message_from_bytes(octets, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def link(message: EmailMessage) -> str:
    found = LINK.search(str(message.get_content()))
    assert found, message
    return found[1]


def write(house: House, person: Principal, subject: str) -> None:
    sender = Sender.outside("amie@exemple.org")
    recipient = house.run(house.delivery.resolve(person.address, sender=sender))
    house.run(
        house.delivery.deliver(Envelope("amie@exemple.org", (recipient,), sender), mail(subject, to=person.address))
    )


def told(house: House, person: Principal) -> list[str]:
    """Subjects in INBOX once a housekeeper has been round."""
    keeper = Housekeeper(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        submission=house.submission,
        clock=house.clock,
        changes=house.changes,
    )
    house.store.write_now(trusted_clock.believe)  # tests leap by days
    house.run(keeper.round())
    return house.subjects(person, "INBOX")


def set_up(house: House, browser: Visitor, address: str) -> str:
    """Mail is sent on to this address; its link."""
    assert "Un message demande son accord" in ask(browser, address)
    path = link(left(house, address)[-1])
    stranger = house.visitor()
    stranger.get(path)
    stranger.post(path, {"faire": "accepter"})
    assert "C’est accepté" in stranger.text
    return path


def test_nothing_leaves_before_the_address_agreed(house: House, rose: Principal, browser: Visitor) -> None:
    target = f"chez-{rose.login}@ailleurs.fr"
    house.store.write_now(recoveries.set_address, rose.account_id, f"prive-{rose.login}@ailleurs.fr")
    assert "Ce n’est pas votre mot de passe actuel." in ask(browser, target, "faux")
    assert left(house, target) == []
    said = ask(browser, target)
    assert "n’a pas encore répondu" in said
    (asked,) = left(house, target)
    assert rose.name in str(asked.get_content())
    path = link(asked)
    write(house, rose, "Avant")
    stranger = house.visitor()
    assert f"Recevoir les messages de {rose.name}" in stranger.get(path).text
    write(house, rose, "Après un regard")
    assert len(left(house, target)) == 1
    assert "C’est accepté" in stranger.post(path, {"faire": "accepter"}).text
    assert stranger.get(path).status_code == 404
    assert stranger.post(path, {"faire": "accepter"}, page=stranger.get("/login").text).status_code == 404
    write(house, rose, "Ensuite")
    assert [one["Subject"] for one in left(house, target)[1:]] == ["Ensuite"]
    assert house.subjects(rose, "INBOX")[-1] == "Ensuite"  # a copy is kept
    assert f"Vos messages sont renvoyés à <b>{target}</b>" in browser.get("/m/reglages/transfert").text
    assert told(house, rose)[-1] == "Vos messages sont renvoyés à une autre adresse"
    assert [one["Subject"] for one in left(house, f"prive-{rose.login}@ailleurs.fr")] == [
        "Vos messages sont renvoyés à une autre adresse"
    ]
    count = len(house.subjects(rose, "INBOX"))
    assert len(told(house, rose)) == count  # once
    browser.get(PAGE)
    assert "Plus rien n’est renvoyé." in browser.post(PAGE, {"faire": "arreter"}).text
    acts = [one.detail.name for one in house.store.read_now(audit.history, rose.account_id)]
    assert [one for one in acts if one.startswith("forward-")] == ["forward-off", "forward-on", "forward-asked"]
    write(house, rose, "Plus tard")
    assert len(left(house, target)) == 2


def test_who_declines_is_left_alone(house: House, rose: Principal, browser: Visitor) -> None:
    target = f"non-{rose.login}@ailleurs.fr"
    ask(browser, target)
    path = link(left(house, target)[-1])
    stranger = house.visitor()
    stranger.get(path)
    assert "C’est refusé" in stranger.post(path, {"faire": "refuser"}).text
    assert "a déjà refusé" in ask(browser, target)
    write(house, rose, "Rien")
    assert len(left(house, target)) == 1


def test_a_link_is_good_for_a_week_and_for_the_last_asking(house: House, rose: Principal, browser: Visitor) -> None:
    target = f"tard-{rose.login}@ailleurs.fr"
    ask(browser, target)
    ask(browser, target)
    first, second = (link(one) for one in left(house, target))
    stranger = house.visitor()
    assert stranger.get(first).status_code == 404
    assert stranger.get(second).status_code == 200
    assert stranger.get(second[:-1] + "x").status_code == 404
    house.clock.ahead += 7 * DAY
    assert stranger.get(second).status_code == 404


def test_strangers_are_asked_a_bounded_number_of_times(house: House, rose: Principal, browser: Visitor) -> None:
    target = f"encore-{rose.login}@ailleurs.fr"
    for _ in range(3):
        assert "n’a pas encore répondu" in ask(browser, target)
    assert "Trop de demandes aujourd’hui." in ask(browser, target)
    assert len(left(house, target)) == 3
    for number in range(2):
        ask(browser, f"autre{number}-{rose.login}@ailleurs.fr")
    assert "Trop de demandes aujourd’hui." in ask(browser, f"dernier-{rose.login}@ailleurs.fr")
    other = house.person("Olga", f"Autre-{rose.login}")
    second = house.visitor()
    second.log_in(other.login)
    assert "Trop de demandes aujourd’hui." in ask(second, target)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("pas une adresse", "Ce n’est pas une adresse"),
        ("x@", "Ce n’est pas une adresse"),
        ("nul-ne-sait@ac-exemple.fr", "Personne n’a cette adresse."),
        ("{own}", "C’est votre propre adresse."),
        ("{list}", "C’est une liste"),
    ],
)
def test_addresses_that_cannot_be(house: House, rose: Principal, browser: Visitor, address: str, said: str) -> None:
    if "list" in address:
        address = make(house, f"liste-{rose.login}", members=(rose.address,))
    assert said in ask(browser, address.format(own=rose.address.upper()))
    assert browser.page is not None
    assert browser.page.status_code == 422


@pytest.mark.parametrize(("allowed", "inside", "outside"), [("never", False, False), ("academy", True, False)])
def test_only_as_the_academy_allows(
    house: House, rose: Principal, browser: Visitor, allowed: str, inside: bool, outside: bool
) -> None:
    colleague = house.person("Carl", f"Dedans-{rose.login}")
    old = house.settings.filters.redirect
    house.settings.filters.__dict__["redirect"] = allowed
    try:
        shown = browser.get(PAGE).text
        assert ("L’académie ne permet pas de renvoyer" in shown) == (not inside)
        browser.get("/s/dossiers")
        for address, works in ((f"x-{rose.login}@ailleurs.fr", outside), (colleague.address, inside)):
            browser.post(PAGE, {"faire": "demander", "adresse": address, "actuel": PASSWORD})
            assert ("n’a pas encore répondu" in browser.text) == works
        if inside:
            path = link(parsed(house.octets(colleague, "INBOX")))
            stranger = house.visitor()
            stranger.get(path)
            stranger.post(path, {"faire": "accepter"})
            write(house, rose, "Entre nous")
            assert house.subjects(colleague, "INBOX")[-1] == "Entre nous"
            assert house.subjects(rose, "INBOX")[-1] == "Entre nous"
    finally:
        house.settings.filters.__dict__["redirect"] = old


def test_it_sees_all_and_stops_one(
    house: House, rose: Principal, browser: Visitor, administrator: Principal, console: Visitor
) -> None:
    target = f"vu-{rose.login}@ailleurs.fr"
    set_up(house, browser, target)
    other = house.person("Ivan", f"Script-{rose.login}")
    scripts = Scripts(settings=house.settings, store=house.store)
    own = b'require ["copy", "variables"]; redirect :copy "ivan@ailleurs.fr"; if false { redirect "${a}@x.fr"; }'
    house.run(scripts.put(other.account_id, "principal", own, Origin(other.login, "sieve"), activate=True))
    waiting = f"attend-{rose.login}@ailleurs.fr"
    third = house.visitor()
    third.log_in(house.person("Tom", f"Attend-{rose.login}").login)
    ask(third, waiting)
    page = console.get("/admin/transferts").text
    assert all(one in page for one in (target, "ivan@ailleurs.fr", "des adresses qu’un script choisit", waiting))
    found = console.get(f"/admin/transferts?q={target.upper()}").text
    assert rose.name in found
    assert other.name not in found
    assert target in console.get(f"/admin/transferts?q={rose.login}").text
    number = re.search(r'name="transfert" value="(\d+)"', found)
    assert number
    console.post("/admin/transferts", {"transfert": number[1]})
    assert "Transfert arrêté. La personne est prévenue." in console.text
    assert house.subjects(rose, "INBOX")[-1] == "Vos messages ne sont plus renvoyés"
    write(house, rose, "Après")
    assert len(left(house, target)) == 1
    assert "ne sont renvoyés à aucune autre adresse" in browser.get(PAGE).text
    # A script of somebody's own is stopped whole.
    told(house, other)
    page = console.get("/admin/transferts?q=ivan@ailleurs.fr").text
    number = re.search(r'name="transfert" value="(\d+)"', page)
    assert number
    console.post("/admin/transferts", {"transfert": number[1]})
    assert house.run(scripts.active(other.account_id)) is None
    assert "Aucun transfert." in console.get("/admin/transferts?q=ivan@ailleurs.fr").text
    assert "n’est plus là" in console.post("/admin/transferts", {"transfert": "999999"}).text


@pytest.mark.parametrize("late", [False, True])
def test_it_stops_what_it_shows_and_not_what_its_owner_says_meanwhile(
    house: House,
    rose: Principal,
    browser: Visitor,
    administrator: Principal,
    console: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    *,
    late: bool,
) -> None:
    """Of a forward that leads elsewhere by now all the rules had been switched off, or the new one ended as the old."""
    old, new = f"avant-{rose.login}@ailleurs.fr", f"ensuite-{rose.login}@ailleurs.fr"
    set_up(house, browser, old)
    found = console.get(f"/admin/transferts?q={old}").text
    number = re.search(r'name="transfert" value="(\d+)"', found)
    assert number
    read, turns = Documents.read, []

    async def elsewhere(documents: Documents, account_id: int) -> Rules:
        """At the moment of the first, or of the second question to the rules, the owner has it sent elsewhere."""
        turns.append(account_id)
        if len(turns) == (2 if late else 1):
            changed = replace((await read(documents, account_id)).document, forward=Forward(new))
            monkeypatch.setattr(Documents, "read", read)
            await documents.revise(account_id, lambda _: changed, Origin(rose.login, "web"))
        return await read(documents, account_id)

    monkeypatch.setattr(Documents, "read", elsewhere)
    console.post("/admin/transferts", {"transfert": number[1]})
    assert "n’est plus là" in console.text
    documents = Documents(settings=house.settings, store=house.store)
    rules = house.run(documents.read(rose.account_id))
    assert (rules.document.forward, rules.running) == (Forward(new), True)
    assert house.subjects(rose, "INBOX")[-1:] != ["Vos messages ne sont plus renvoyés"]


def test_a_script_that_changed_meanwhile_goes_on(
    house: House, administrator: Principal, console: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = house.person("Ivan", "Meanwhile")
    scripts = Scripts(settings=house.settings, store=house.store)
    own, mine = b'redirect "ivan-m@ailleurs.fr";', Origin(other.login, "sieve")
    house.run(scripts.put(other.account_id, "principal", own, mine, activate=True))
    page = console.get("/admin/transferts?q=ivan-m@ailleurs.fr").text
    number = re.search(r'name="transfert" value="(\d+)"', page)
    assert number
    read = Documents.read

    async def keeping(documents: Documents, account_id: int) -> Rules:
        await scripts.put(account_id, "principal", b"keep;", mine)
        return await read(documents, account_id)

    monkeypatch.setattr(Documents, "read", keeping)
    console.post("/admin/transferts", {"transfert": number[1]})
    assert "n’est plus là" in console.text
    assert house.run(scripts.active(other.account_id)) is not None


def test_owners_are_told_whichever_door_set_it(house: House, rose: Principal, browser: Visitor) -> None:
    scripts = Scripts(settings=house.settings, store=house.store)
    source = b'redirect "loin@ailleurs.fr";'
    house.run(scripts.put(rose.account_id, "x", source, Origin(rose.login, "sieve")))
    assert told(house, rose) == []  # mail runs through no script
    house.run(scripts.activate(rose.account_id, "x", Origin(rose.login, "sieve")))
    assert told(house, rose) == ["Vos messages sont renvoyés à une autre adresse"]
    assert "loin@ailleurs.fr" in str(parsed(house.octets(rose, "INBOX")).get_content())
    house.run(scripts.put(rose.account_id, "x", source + b"\r\n# encore", Origin(rose.login, "sieve")))
    assert len(told(house, rose)) == 1
    house.run(scripts.put(rose.account_id, "x", b'redirect "plus-loin@ailleurs.fr";', Origin(rose.login, "sieve")))
    assert len(told(house, rose)) == 2


def test_an_address_that_refuses_for_days_gets_nothing_more(house: House, rose: Principal, browser: Visitor) -> None:
    target = f"plein-{rose.login}@ailleurs.fr"
    set_up(house, browser, target)
    for _ in range(5):
        house.store.write_now(forwards.judge, rose.account_id, (), (target,))
    assert "Cette adresse refuse les derniers messages." in browser.get(PAGE).text
    house.clock.ahead += 5 * DAY - 60
    assert "Vos messages ne sont plus renvoyés" not in told(house, rose)
    house.store.write_now(forwards.judge, rose.account_id, (target,), ())  # it takes one: all is forgiven
    house.store.write_now(forwards.judge, rose.account_id, (), (target,))
    house.clock.ahead += 120
    assert "Vos messages ne sont plus renvoyés" not in told(house, rose)
    for _ in range(4):
        house.store.write_now(forwards.judge, rose.account_id, (), (target,))
    house.clock.ahead += 5 * DAY
    assert "Vos messages ne sont plus renvoyés" in told(house, rose)
    documents = Documents(settings=house.settings, store=house.store)
    assert house.run(documents.read(rose.account_id)).document.forward is None


def test_who_agreed_again_meanwhile_goes_on_to_get_it(
    house: House, rose: Principal, browser: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whom its owner asks meanwhile is asked on."""
    target, other = (f"{name}-{rose.login}@ailleurs.fr" for name in ("plein", "autre"))
    set_up(house, browser, target)
    for _ in range(5):
        house.store.write_now(forwards.judge, rose.account_id, (), (target,))
    house.clock.ahead += 5 * DAY
    parts = {"settings": house.settings, "store": house.store, "clock": house.clock}
    service = Forwards(**parts, directory=house.directory, delivery=house.delivery, post=house.submission.post)  # type: ignore[arg-type]
    read = house.store.read
    documents = Documents(settings=house.settings, store=house.store)

    def meanwhile(act: Callable[[], object]) -> Callable[..., Awaitable[object]]:
        async def reading(function: Callable[..., object], *args: object) -> object:
            answer = await read(function, *args)
            if function is forwards.failing:
                await asyncio.to_thread(act)
            return answer

        return reading

    def agree_again() -> None:
        browser.log_in(rose.login)
        browser.post(PAGE, {"faire": "arreter"})
        house.clock.ahead += 1
        set_up(house, browser, target)

    def ask_another() -> None:
        browser.log_in(rose.login)
        ask(browser, other)

    monkeypatch.setattr(house.store, "read", meanwhile(agree_again))
    assert house.run(service.end_failing()) == 0
    assert house.run(documents.read(rose.account_id)).document.forward == Forward(target)
    assert "Vos messages ne sont plus renvoyés" not in house.subjects(rose, "INBOX")
    for _ in range(5):
        house.store.write_now(forwards.judge, rose.account_id, (), (target,))
    house.clock.ahead += 5 * DAY
    monkeypatch.setattr(house.store, "read", meanwhile(ask_another))
    assert house.run(service.end_failing()) == 1
    assert house.run(documents.read(rose.account_id)).document.forward is None
    _, asked = house.run(service.current(rose.account_id))
    assert asked is not None
    assert asked.address == other


def test_a_script_like_ours_hides_nothing(house: House, rose: Principal, browser: Visitor) -> None:
    """Whoever got hold of an account may write by ManageSieve what the page would have written."""
    scripts = Scripts(settings=house.settings, store=house.store)
    source = written(Document(forward=Forward("loin@ailleurs.fr")))
    house.run(scripts.put(rose.account_id, NAME, source, Origin(rose.login, "sieve"), activate=True))
    assert "Vos messages sont renvoyés à <b>loin@ailleurs.fr</b>" in browser.get(PAGE).text
    browser.post(PAGE, {"faire": "arreter"})
    write(house, rose, "Ici")
    assert left(house, "loin@ailleurs.fr") == []
    assert "à aucune autre adresse" in browser.get(PAGE).text


def test_holders_of_a_box_are_told(house: House, rose: Principal, console: Visitor) -> None:
    """Whoever manages it may do so by ManageSieve; the others must not find out by missing mail."""
    reader = house.person("Luc", f"Lecteur-{rose.login}")
    box = Box(house, {rose.login: {"read", "manage"}, reader.login: FULL})
    scripts = Scripts(settings=house.settings, store=house.store)
    source = f'redirect "{box.label}@ailleurs.fr";'.encode()
    house.run(scripts.put(box.account, "x", source, Origin("x", "sieve"), activate=True))
    begun, ended = (f"Les messages de {box.address} {end}" for end in ("sont renvoyés", "ne sont plus renvoyés"))
    assert [one.startswith(begun) for one in told(house, rose)] == [True]
    assert f"{box.label}@ailleurs.fr" in str(parsed(house.octets(rose, "INBOX")).get_content())
    assert [one.startswith(begun) for one in box.kept()] == [True]
    assert len(told(house, rose)) == 1
    assert house.subjects(reader, "INBOX") == []
    page = console.get(f"/admin/transferts?q={box.label}@ailleurs.fr").text
    number = re.search(r'name="transfert" value="(\d+)"', page)
    assert number
    console.post("/admin/transferts", {"transfert": number[1]})
    assert house.subjects(rose, "INBOX")[-1].startswith(ended)
    assert any(one.startswith(ended) for one in box.kept())


def test_who_agrees_learns_that_nothing_comes_yet(house: House, rose: Principal, browser: Visitor) -> None:
    scripts = Scripts(settings=house.settings, store=house.store)
    house.run(scripts.put(rose.account_id, "x", b"keep;", Origin(rose.login, "sieve"), activate=True))
    target = f"bientot-{rose.login}@ailleurs.fr"
    ask(browser, target)
    stranger = house.visitor()
    path = link(left(house, target)[-1])
    stranger.get(path)
    assert "n’a pas remis ses règles en service" in stranger.post(path, {"faire": "accepter"}).text
    write(house, rose, "Pas encore")
    assert len(left(house, target)) == 1


class _Overtaken(Documents):
    """Whoever was asked agrees behind the first look at the rules."""

    agree: Callable[[], Awaitable[object]] | None = None

    async def read(self, account_id: int) -> Rules:
        found = await super().read(account_id)
        if self.agree is not None:
            agree, self.agree = self.agree, None
            await agree()
        return found


def test_who_agrees_while_it_is_stopped_gets_nothing(house: House, browser: Visitor, rose: Principal) -> None:
    """The agreement was forgotten, and the rules went on to send everything there."""
    address = "presque@exemple.org"
    ask(browser, address)
    key = link(left(house, address)[-1]).rpartition("/")[2]

    async def nothing(_to: str, _octets: bytes) -> None:
        return None

    parts = {"settings": house.settings, "store": house.store}
    more = {"directory": house.directory, "delivery": house.delivery, "clock": house.clock, "post": nothing}
    theirs, mine = (Forwards(**parts, **more) for _ in range(2))  # type: ignore[arg-type]
    mine._documents = overtaken = _Overtaken(**parts)  # type: ignore[arg-type]
    overtaken.agree = partial(theirs.agree, key, "192.0.2.1")
    assert house.run(mine.cancel(rose.account_id, Origin("self", "web"))) == address
    assert house.run(Documents(**parts).read(rose.account_id)).document.forward is None  # type: ignore[arg-type]
    assert house.run(mine.current(rose.account_id)) == (None, None)
