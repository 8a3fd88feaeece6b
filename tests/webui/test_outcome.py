"""On the page of a message that its reader sent stands what became of it."""

import re

import pytest
from sqlalchemy import update

from mailserver.model.clock import DAY
from mailserver.model.identity import Principal
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import messages
from mailserver.store.queue import spool, traces
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.schema.mail.messages import message
from mailserver.texts.causes import Cause
from tests.webui.house import House, Visitor
from tests.webui.test_compose import send

_counter: list[int] = []
HOSTILE = "550 5.7.1 <script>alert(1)</script>\u202e spam"


@pytest.fixture
def author(house: House) -> Principal:
    _counter.append(0)
    return house.person("Odile", f"Devenir-{len(_counter)}")


@pytest.fixture
def browser(house: House, author: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(author.login)
    return made


def sent(house: House, author: Principal, browser: Visitor, *to: str) -> tuple[int, str]:
    """A letter leaves: its copy in Sent, and its identifier."""
    browser.get("/s/ecrire")
    assert "Message envoyé" in send(browser, a=", ".join(to), objet="Sort", texte="Bonjour").text
    box = house.box(author, "Sent")
    (row,) = house.store.read_now(messages.fetch, author.account_id, box.id, ("content_id",))
    wanted = traces.Wanted(0, 1 << 40, account_id=author.account_id)
    return int(row[0]), house.store.read_now(traces.find, wanted, 1).rows[0].name


def page_of(browser: Visitor, interface: str, content: int) -> str:
    """With plain spaces, where French has others."""
    return re.sub("[\u00a0\u202f]", " ", browser.get(f"/{interface}/message/{content}").text)


def answered(house: House, author: Principal, name: str, step: Step, to: str, status: str, said: str) -> None:
    def unit(tx: Tx) -> None:
        detail = Cause("attempt-at", server="mx.loin.fr", status=status, said=said)
        traces.record(tx, Trace(step, name, author.address, [to], 0, author.account_id, detail))

    house.store.write_now(unit)


@pytest.mark.parametrize("interface", ["s", "m"])
def test_the_reader_sees_for_each_what_became_of_it(
    house: House, author: Principal, browser: Visitor, interface: str
) -> None:
    reader = house.person("Rémi", f"Reçoit-{len(_counter)}")
    content, name = sent(house, author, browser, reader.address, "un@loin.fr", "deux@loin.fr")
    page = page_of(browser, interface, content)
    assert "Envoi : 2 en attente, 1 remis" in page
    assert '<details class="devenu">' in page
    answered(house, author, name, Step.DEFERRED, "un@loin.fr", "4.4.1", "Connection refused")
    answered(house, author, name, Step.FAILED, "deux@loin.fr", "5.7.1", HOSTILE)
    page = page_of(browser, interface, content)
    assert "Envoi : 1 non remis, 1 en attente, 1 remis" in page
    told = re.sub(r"<[^>]+>|\s+", " ", page.partition('class="devenu"')[2].partition("</ul>")[0])
    told = " ".join(told.split())
    assert re.search(
        r"deux@loin\.fr : non remis, à \d\d:\d\d\. L’autre serveur a pris le message pour un indésirable", told
    )
    assert re.search(r"un@loin\.fr : en attente\. L’autre serveur ne répond pas\. Nouvel essai : ", told)
    assert re.search(rf"{reader.address} : remis, à \d\d:\d\d", told)
    assert "550 5.7.1 &lt;script&gt;alert(1)" in page
    assert "\u202e" not in page
    house.store.write_now(spool.drop, [entry.id for entry in house.store.read_now(spool.show)])


def test_what_was_received_and_what_is_long_ago_say_nothing_false(
    house: House, author: Principal, browser: Visitor
) -> None:
    reader = house.person("Léa", f"Lit-{len(_counter)}")
    content, _ = sent(house, author, browser, reader.address)
    theirs = house.visitor()
    theirs.log_in(reader.login)
    assert "Envoi :" not in page_of(theirs, "s", content)

    def forget(tx: Tx) -> None:
        traces.prune(tx, tx.now + DAY, 10_000)

    house.store.write_now(forget)
    assert "Envoi :" not in page_of(browser, "s", content)

    def age(tx: Tx) -> None:
        old = tx.now - (house.settings.audit.trace_days + 1) * DAY
        tx.execute(update(message).where(message.c.content_id == content).values(internal_date=old))

    house.store.write_now(age)
    assert "n’est plus connu : c’est gardé 30 jours" in page_of(browser, "m", content)
    assert "n’est plus connu" not in page_of(theirs, "s", content)
