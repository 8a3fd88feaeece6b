"""A letter that its author wants to go over TLS alone (RFC 8689): the choice, what keeps it, where it is seen again."""

import asyncio
import datetime
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from mailserver.delivery import Envelope
from mailserver.model.identity import Principal
from mailserver.store.engine.transactions import Tx
from mailserver.store.queue import outbox
from mailserver.store.schema.outgoing.spool import queued
from tests.webui.house import House, Visitor, mail
from tests.webui.test_compose import form, send
from tests.webui.test_confidential import NIR, answer
from tests.webui.test_send_checks import asked

OUTSIDE = "parent@exemple.org"
TICKED = re.compile(r'name="chiffrer" checked')
_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Prudence", f"Chiffre-{len(_counter)}")


@pytest.fixture
def browser(house: House, person: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(person.login)
    return made


@pytest.fixture
def demands(house: House) -> Callable[[], list[int]]:
    """Of what was queued since, whether it is to go over TLS alone."""

    def look(tx: Tx) -> list[tuple[int, int]]:
        return [(row.id, row.require_tls) for row in tx.execute(select(queued.c.id, queued.c.require_tls))]

    before = {number for number, _ in house.store.read_now(look)}
    return lambda: [demand for number, demand in house.store.read_now(look) if number not in before]


def tomorrow(house: House) -> str:
    when = datetime.datetime.fromtimestamp(house.clock.now() + 86400, datetime.UTC)
    return when.strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize("interface", ["s", "m"])
def test_it_is_said_what_it_means_and_kept_with_the_draft(
    browser: Visitor, demands: Callable[[], list[int]], interface: str
) -> None:
    path = f"/{interface}/ecrire"
    text = browser.get(path).text
    assert "promettent de le garder chiffré" in text
    assert not TICKED.search(text)
    letter = form(browser, a=OUTSIDE, objet="Confidentiel", texte="x", chiffrer="on", faire="enregistrer")
    assert TICKED.search(browser.post(path, letter).text)
    assert "Options, modifiées" in browser.text
    browser.post(path, form(browser, chiffrer="on", faire="envoyer"))
    browser.get(path)
    browser.post(path, form(browser, a=OUTSIDE, objet="Autre", texte="x", faire="envoyer"))
    assert demands() == [1, 0]


def test_a_planned_letter_says_so_and_keeps_it(
    house: House, browser: Visitor, demands: Callable[[], list[int]]
) -> None:
    browser.get("/s/ecrire")
    send(
        browser,
        a=OUTSIDE,
        objet="Demain",
        texte="x",
        chiffrer="on",
        separes="on",
        quand=tomorrow(house),
        faire="planifier",
    )
    assert "Chiffrement exigé" in browser.text
    house.clock.ahead += 90000
    house.run(house.outbox().round())
    assert demands() == [1]


def test_it_is_kept_while_something_is_asked(house: House, browser: Visitor, demands: Callable[[], list[int]]) -> None:
    browser.get("/s/ecrire")
    assert asked(send(browser, a=OUTSIDE, objet="Dossier", texte=f"NIR {NIR}", chiffrer="on").text)
    fields = answer(browser)
    browser.post(f"/s/ecrire/{fields['brouillon']}/envoyer", fields)
    assert demands() == [1]


def test_what_a_program_planned_is_a_draft_that_still_requires_it(
    house: House, person: Principal, browser: Visitor
) -> None:
    octets = mail("Du logiciel", f"Prudence <{person.address}>", "Bonjour\n", OUTSIDE)
    later = int(house.clock.now()) + 3600
    sent = house.submission.submit(person, person.address, (OUTSIDE,), octets, require_tls=True, due=later, keeps=True)
    house.run(sent)
    assert "Chiffrement exigé" in browser.get("/s/envois").text
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    text = browser.post(f"/s/envois/{waiting.id}", {"faire": "annuler"}).text
    assert TICKED.search(text)
    assert "Du logiciel" in text
    assert OUTSIDE in text


def test_what_waits_for_its_author_says_so(house: House, person: Principal, browser: Visitor) -> None:
    octets = mail("Secret", f"Prudence <{person.address}>", f"NIR {NIR}\n", OUTSIDE)
    house.run(house.submission.submit(person, person.address, (OUTSIDE,), octets, require_tls=True))
    assert "Chiffrement exigé" in browser.get("/s/envois/a-confirmer").text


@pytest.mark.parametrize("is_bound", [False, True])
def test_what_arrived_to_go_over_tls_alone_goes_on_so(
    house: House, person: Principal, browser: Visitor, demands: Callable[[], list[int]], *, is_bound: bool
) -> None:
    """RFC 8689: redirected; and what quotes or encloses it begins so. What came as usual does not."""
    recipient = house.run(house.delivery.resolve(person.address))
    envelope = Envelope("awa@exemple.org", (recipient,), require_tls=is_bound)
    octets = mail("Sous clef" if is_bound else "Ouvert", sender="Awa <awa@exemple.org>")

    async def arrive() -> int:
        """Beside others: what comes to a mailbox that is known is written together with them."""
        usual = replace(envelope, require_tls=False)
        await house.delivery.deliver(usual, mail("Avant", sender="Awa <awa@exemple.org>"))
        others = [mail(f"Autre {number} {is_bound}", sender="Awa <awa@exemple.org>") for number in range(3)]
        delivered = (house.delivery.deliver(usual, other) for other in others)
        found, *_ = await asyncio.gather(house.delivery.deliver(envelope, octets), *delivered)
        return found.content_id

    content = house.run(arrive())
    assert ("ne repart que chiffré" in browser.get(f"/s/message/{content}/rediriger").text) is is_bound
    assert "Message redirigé" in browser.post(f"/s/message/{content}/rediriger", {"a": OUTSIDE}).text
    assert demands() == [int(is_bound)]
    for beginning in ("repondre", "transferer", "joindre"):
        assert bool(TICKED.search(browser.get(f"/m/ecrire?{beginning}={content}").text)) is is_bound, beginning
