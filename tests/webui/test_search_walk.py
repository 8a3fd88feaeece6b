"""From one letter that was found to the next, without a script: in the order of the results, and back to them."""

import re
from html import unescape

import pytest

from mailserver.mime import scan
from mailserver.model.identity import Principal
from mailserver.store.mail import access, blobs, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.record.audit import Origin
from tests.webui.house import House, Visitor, mail

FOUND = ["Voyage 2", "Voyage 1", "Voyage 0", "Voyage ancien"]
"""In two folders, with other letters between them."""

_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    made = house.person("Rose", f"Marche-{len(_counter)}")
    box = house.store.write_now(mailboxes.create, made.account_id, "Projets")
    put(house, made, box.id, "Voyage ancien")
    for number in range(3):
        house.deliver(made, mail(f"Voyage {number}"))
        house.deliver(made, mail(f"Cantine {number}"))
    return made


def put(house: House, person: Principal, box: int, subject: str) -> None:
    octets = mail(subject)
    prepared = blobs.prepare(octets, house.settings.data / "blobs", scan(octets))
    house.store.write_now(messages.append, person.account_id, box, prepared)


def results(browser: Visitor, base: str, words: str = "voyage", **more: str) -> list[str]:
    """Addresses of what is found."""
    browser.get(f"{base}/recherche", params={"q": words, **more})
    return browser.links(rf"^{base}/(message|partage)/.*vue=recherche")


def subject(browser: Visitor) -> str:
    found = re.search(r'id="sujet"[^>]*><bdi>([^<]+)</bdi>', browser.text)
    assert found
    return unescape(found.group(1))


def walk(browser: Visitor, rel: str) -> list[str]:
    """Subjects from the letter that is open on, to the end."""
    seen = [subject(browser)]
    while address := browser.rel(rel):
        assert browser.get(address).status_code == 200
        seen.append(subject(browser))
        assert len(seen) < 20
    return seen


def back(browser: Visitor) -> str:
    """The way back that the letter offers."""
    assert re.search(r">\s*Résultats<", browser.text)
    (address,) = set(browser.links(r"^/[sm]/recherche\?q=voyage"))
    return address


@pytest.mark.parametrize("base", ["/s", "/m"])
def test_letters_are_walked_through_in_the_order_of_the_results(browser: Visitor, base: str) -> None:
    first = results(browser, base)[0]
    browser.get(first)
    assert browser.rel("prev") == ""
    assert walk(browser, "next") == FOUND, "from one folder to the next"
    assert walk(browser, "prev") == FOUND[::-1]
    browser.get(back(browser))
    assert str(browser.page and browser.page.url).endswith(f"{base}/recherche?q=voyage")
    assert results(browser, base)[0] == first


def test_what_is_read_now_keeps_its_place(browser: Visitor) -> None:
    """It is no result of this search any more; the next one is."""
    addresses = results(browser, "/s", "voyage est:nonlu")
    assert len(addresses) == 4
    browser.get(addresses[1])
    assert subject(browser) == FOUND[1]
    browser.get(browser.rel("next"))
    assert subject(browser) == FOUND[2]
    browser.get(browser.rel("prev"))
    assert subject(browser) == FOUND[0], "those that were read are gone from the results"
    browser.get(back(browser))
    assert "1 message trouvé" in browser.text


@pytest.mark.parametrize("base", ["/s", "/m"])
def test_what_is_put_away_gives_place_to_the_next_result(
    house: House, person: Principal, browser: Visitor, base: str
) -> None:
    addresses = results(browser, base, "voyage", d=str(house.box(person, "INBOX").id))
    assert len(addresses) == 3
    browser.get(addresses[1])
    for expected in (FOUND[2], ""):
        form = browser.text.partition("/agir")[2]
        fields = {name: unescape(value) for name, value in re.findall(r'name="(m|retour|vue)" value="([^"]*)"', form)}
        (box,) = set(re.findall(rf"{base}/dossier/(\d+)/agir", browser.text))
        browser.post(f"{base}/dossier/{box}/agir", {**fields, "lecteur": "1", "faire": "archiver"})
        if expected:
            assert subject(browser) == expected
    assert "1 message trouvé" in browser.text, "behind the last one are the results"
    assert house.subjects(person, "Archive") == [FOUND[1], FOUND[2]]


def test_letters_of_others_are_walked_through_too(
    house: House, browser: Visitor, person: Principal, marc: Principal
) -> None:
    """Until they are shared no more."""
    house.deliver(marc, mail("Voyage de Marc"))
    owner = Viewer.of(marc.account_id, marc.login)

    def share(rights: str) -> None:
        wanted, origin = frozenset(rights), Origin("self", "web")
        house.store.write_now(access.change, owner, "INBOX", person.login, "=", wanted, origin, negative=False)

    share("lr")
    browser.get(results(browser, "/s", d="-2")[0])
    assert walk(browser, "next") == [*FOUND, "Voyage de Marc"]
    assert "/partage/" in str(browser.page and browser.page.url)
    assert walk(browser, "prev") == [*FOUND, "Voyage de Marc"][::-1]
    inbox = str(house.box(marc, "INBOX").id)
    content = results(browser, "/s")[0].partition("?")[0]
    share("")
    answer = browser.get(content, params={"vue": f"recherche?q=voyage&d={inbox}"})
    assert answer.status_code == 200
    assert (browser.rel("prev"), browser.rel("next")) == ("", "")


def test_an_address_says_nothing_but_a_search(browser: Visitor) -> None:
    content = results(browser, "/s")[1].partition("?")[0]
    for view in ("recherche?", "recherche?q=", "recherche?q=voyage&d=999999&avant=x&sous=-1", "recherche?q=%00%ff"):
        assert browser.get(content, params={"vue": view}).status_code == 200, view
    for view in (
        "recherche?q=x&//evil.test",
        'recherche?q="><script>',
        "recherche?q=x%0d%0aX: y",
        "recherche//evil.test",
    ):
        browser.get(content, params={"vue": view})
        assert "evil.test" not in browser.text
        assert "<script>" not in browser.text
    long = f"recherche?q=voyage+{'x' * 2000}"
    browser.get(content, params={"vue": long})
    assert subject(browser) == FOUND[1]
    assert "Résultats" not in browser.text, "too long to be kept: the folder it is"
