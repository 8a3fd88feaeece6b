"""The stream of news: what it says, to whom, how often, and when it ends."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, Queue
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.responses import StreamingResponse

from mailserver.foundation.settings import Limits
from mailserver.model.identity import Principal
from mailserver.store.account import sessions
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.queue import outbox
from mailserver.store.record.audit import Origin
from tests.waiting import PATIENCE, until
from tests.webui.house import House, Visitor, mail
from webui.mail import event_stream

LATER = time.strftime("%Y-%m-%dT08:00", time.localtime(time.time() + 20 * 86400))
_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Flore", f"Flux-{len(_counter)}")


@pytest.fixture
def browser(house: House, person: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(person.login, interface="complet")
    return made


class Stream:
    """An open stream, read by a thread of its own."""

    def __init__(self, answer: Any) -> None:
        self.status = answer.status_code
        self.headers = answer.headers
        self._events: Queue[dict[str, str]] = Queue()
        self.ended = threading.Event()
        self._answer = answer
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        event: dict[str, str] = {}
        with suppress(httpx.HTTPError, httpx.StreamError):  # the test, or the server, ends the connection
            for line in self._answer.iter_lines():
                name, _, value = line.partition(": ")
                if line == "" and "data" in event:
                    self._events.put(event)
                event = event | {name: value} if line else {}
        self.ended.set()

    def next(self) -> dict[str, Any]:
        """The next event, its data read."""
        event: dict[str, Any] = dict(self._events.get(timeout=PATIENCE))
        return event | {"data": json.loads(event["data"])}

    def is_silent(self, seconds: float = 0.6) -> bool:
        try:
            self._events.get(timeout=seconds)
        except Empty:
            return True
        return False


@contextmanager
def listening(browser: Visitor, **headers: str) -> Iterator[Stream]:
    with browser.http.stream(
        "GET", "/flux", headers={key.replace("_", "-"): one for key, one in headers.items()}
    ) as answer:
        yield Stream(answer)


def test_a_stream_tells_what_moves_and_nothing_twice(house: House, person: Principal, browser: Visitor) -> None:
    inbox = str(house.box(person, "INBOX").id)
    with listening(browser) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        first = stream.next()
        assert first["event"] == "dossiers"
        assert first["data"][inbox] == {"n": 0, "t": "non lu", "u": 1}
        house.deliver(person, mail("Direct"))
        second = stream.next()
        assert second["data"] == {inbox: {"n": 1, "t": "non lu", "u": 2}}
        assert second["id"] != first["id"]
    with listening(browser, last_event_id=second["id"]) as stream:
        assert stream.is_silent()  # the browser has seen just this
        house.deliver(person, mail("Encore"))
        assert stream.next()["data"][inbox]["u"] == 3
    with listening(browser, last_event_id=second["id"]) as stream:
        assert stream.next()["data"][inbox]["n"] == 2  # what came in between


def test_a_stream_tells_how_many_are_flagged_and_planned(house: House, person: Principal, browser: Visitor) -> None:
    """As pages say it: what a search for flagged messages finds, and the letters that leave at a chosen time."""
    inbox = house.box(person, "INBOX").id
    for number in range(2):
        house.deliver(person, mail(f"N° {number}"))
    with listening(browser) as stream:
        assert stream.next()["data"]["suivis"] == {"n": 0, "t": "message suivi"}
        house.store.write_now(messages.store_flags, person.account_id, inbox, None, "+", ["\\Flagged"])
        assert stream.next()["data"] == {"suivis": {"n": 2, "t": "messages suivis"}}
        house.store.write_now(messages.erase, person.account_id, inbox, [1])
        assert stream.next()["data"]["suivis"]["n"] == 1
        browser.get("/m/ecrire")
        fields = {"a": person.address, "objet": "Lundi", "texte": "Bonjour", "faire": "planifier", "quand": LATER}
        browser.post("/m/ecrire", {**fields, "cle": browser.field("cle")})
        told: dict[str, Any] = {}
        while "programmes" not in told:
            told |= stream.next()["data"]
        assert told["programmes"] == {"n": 1, "t": "message programmé"}
        assert re.search(r"Programmés</span>\s*<span class=\"compte calme\">1 <", browser.get("/m/").text)
        assert re.search(r"Suivis</span>\s*<span class=\"compte calme\">1 <", browser.text)
        (waiting,) = house.store.read_now(outbox.listing, person.account_id)
        house.store.write_now(outbox.call_back, person.account_id, waiting.id)
        while told["programmes"]["n"]:
            told |= stream.next()["data"]
    assert "1 message trouvé" in browser.get("/m/recherche?q=est:suivi").text


def test_a_stream_tells_that_folders_came_went_or_were_renamed(
    house: House, person: Principal, browser: Visitor
) -> None:
    account = person.account_id
    with listening(browser) as stream:
        stream.next()
        made = house.store.write_now(mailboxes.create, account, "Voyage")
        assert (stream.next()["event"], list(stream.next()["data"])) == ("places", [str(made.id)])
        house.store.write_now(messages.rename, account, "Voyage", "Voyages")
        assert stream.next()["event"] == "places"
        house.store.write_now(mailboxes.remove, account, "Voyages")
        assert stream.next()["event"] == "places"
        assert stream.is_silent()


def test_a_stream_is_its_owner_s(house: House, browser: Visitor, person: Principal, emma: Principal) -> None:
    with listening(browser) as stream:
        stream.next()
        house.deliver(emma, mail("Pour une autre"))
        assert stream.is_silent()
    assert house.visitor().http.get("/flux").status_code == 401
    assert house.visitor().http.get("/flux/etat").status_code == 401


def test_a_stream_tells_of_mailboxes_that_others_share(
    house: House, browser: Visitor, person: Principal, marc: Principal
) -> None:
    inbox, owner = house.box(marc, "INBOX").id, Viewer.of(marc.account_id, marc.login)

    def share(rights: str) -> None:
        house.store.write_now(
            access.change,
            owner,
            "INBOX",
            person.login,
            "=",
            frozenset(rights),
            Origin("self", "web"),
            negative=False,
        )

    share("lr")
    with listening(browser) as stream:
        before = stream.next()["data"][str(inbox)]["n"]
        house.deliver(marc, mail("Pour les deux"))
        assert stream.next()["data"][str(inbox)]["n"] == before + 1
        share("")
        house.deliver(person, mail("Pour elle"))
        assert stream.next()["event"] == "places"
        assert str(inbox) not in stream.next()["data"]
        house.deliver(marc, mail("Pour lui"))
        assert stream.is_silent(event_stream.OTHERS_SECONDS + 0.6)


def test_counts_can_be_asked_for(house: House, person: Principal, browser: Visitor) -> None:
    house.deliver(person, mail("Un"))
    answer = browser.http.get("/flux/etat")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()[str(house.box(person, "INBOX").id)] == {"n": 1, "t": "non lu", "u": 2}


def test_streams_of_one_account_are_bounded(browser: Visitor) -> None:
    opened = [browser.http.stream("GET", "/flux") for _ in range(event_stream.PER_ACCOUNT)]
    answers = [one.__enter__() for one in opened]
    try:
        assert [answer.status_code for answer in answers] == [200] * event_stream.PER_ACCOUNT
        assert browser.http.get("/flux").status_code == 429
    finally:
        for one in opened:
            one.__exit__(None, None, None)

    def opens() -> bool:
        with browser.http.stream("GET", "/flux") as again:
            return bool(again.status_code == 200)

    until(opens)  # closed ones make room


def test_a_stream_ends_with_its_session(
    house: House, person: Principal, browser: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.3)
    with listening(browser) as stream:
        stream.next()
        house.store.write_now(sessions.close_all, person.account_id)
        assert stream.next()["event"] == "session"
        assert stream.ended.wait(PATIENCE)


def test_news_do_not_keep_a_closed_session_listening(
    house: House, person: Principal, browser: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail that comes faster than the signs of life: the stream of a closed session ends all the same."""
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 1.0)
    with listening(browser) as stream:
        stream.next()
        house.store.write_now(sessions.close_all, person.account_id)
        told = []
        for number in range(20):
            house.deliver(person, mail(f"Nouvelle {number}"))
            told.append(stream.next()["event"])
            if told[-1] == "session":
                break
        assert told[-1] == "session"
        assert stream.ended.wait(PATIENCE)


def test_streams_that_come_at_the_same_moment_are_bounded(house: House, browser: Visitor) -> None:
    """Each looks whether there is room before any other has taken it."""
    gate = asyncio.Event()

    async def rush() -> int:
        bounded = event_stream.EventStream(Limits(connections=300))
        services: Any = SimpleNamespace(store=house.store, clock=house.clock)
        visit: Any = SimpleNamespace(
            account_id=1, secure=True, request=SimpleNamespace(headers={}, receive=gate.wait, query_params={})
        )
        answers = [await bounded.listen(services, visit) for _ in range(event_stream.PER_ACCOUNT + 3)]
        streams: list[Any] = [answer.body_iterator for answer in answers if isinstance(answer, StreamingResponse)]
        begun = [await anext(stream, None) for stream in streams]
        for stream in streams:
            await stream.aclose()
        return sum(piece is not None for piece in begun)

    assert house.run(rush()) == event_stream.PER_ACCOUNT


def test_listening_is_nobody_s_activity(house: House, person: Principal, browser: Visitor) -> None:
    """A forgotten tab does not keep a session open."""
    seen = house.store.read_now(sessions.opened, person.account_id)[0].seen
    house.clock.ahead = 4 * 3600
    try:
        assert browser.http.get("/flux/etat").status_code == 200
        with listening(browser) as stream:
            stream.next()
        assert house.store.read_now(sessions.opened, person.account_id)[0].seen == seen
        browser.get("/m/")
        assert house.store.read_now(sessions.opened, person.account_id)[0].seen > seen
    finally:
        house.clock.ahead = 0


def test_stopping_ends_streams_at_once(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any) -> None:
    """A server that stops does not wait for browsers that listen."""
    house = House(tmp_path_factory.mktemp("flux"), sqlite_template)
    person = house.person("Anne", "Stop")
    browser = house.visitor()
    browser.log_in(person.login, interface="complet")
    with listening(browser) as stream:
        stream.next()
        began = time.monotonic()
        house.run(house.door.stop(50))
        assert stream.ended.wait(PATIENCE)
        assert time.monotonic() - began < 40, "it waited for the browser"
    house.close()
