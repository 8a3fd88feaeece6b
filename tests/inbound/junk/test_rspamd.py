"""rspamd judges in the filter's place: a real one, one that is away, and ones that answer what they should not."""

import asyncio
import json
import smtplib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.foundation.settings import Junk
from mailserver.inbound.junk import rspamd
from mailserver.inbound.junk.patience import FAILURES, REST, Away, Unscanned
from mailserver.inbound.junk.rspamd import Handed, Scanned
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import junk, mailboxes, messages
from mailserver.store.mail.junk import Source, Verdict
from tests.clocks import StandingClock
from tests.inbound.junk.samples import bad, good
from tests.inbound.junk.scanner import MARKED, REJECTED, Answer, Rspamd, pretending
from tests.ports import free_port
from tests.smtp.house import DOMAIN, House


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rspamd]:
    made = Rspamd(tmp_path_factory.mktemp("rspamd"))
    yield made
    made.stop()


def send(house: House, octets: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.sendmail("a@ailleurs.fr", [f"ada@{DOMAIN}"], octets)


def letter(text: str) -> bytes:
    return f"From: a@ailleurs.fr\r\nSubject: x\r\nMessage-ID: <1@x>\r\n\r\n{text}\r\n".encode()


@pytest.mark.needs("rspamd")
def test_what_rspamd_calls_junk_goes_to_spam(house: House, scanner: Rspamd, setting: Callable[..., None]) -> None:
    setting(rspamd=f"127.0.0.1:{scanner.port}")
    for octets in (letter(REJECTED), letter(MARKED), good(1), bad(1)):
        send(house, octets)
    assert len(house.mail("ada", "Junk")) == 2
    assert [octets.endswith(one) for octets, one in zip(house.mail("ada"), (good(1), bad(1)), strict=True)] == [
        True
    ] * 2
    account = house.people["ada"].account_id

    def look(tx: Tx) -> list[Verdict | None]:
        box = mailboxes.get(tx, account, "Junk").id
        uids = [row[0] for row in messages.state(tx, box)]
        rows = messages.fetch_uids(tx, account, box, ("uid", "content_id"), uids)
        return [junk.verdict(tx, account, row[1])[0] for row in rows]

    assert house.read(look) == [
        Verdict(Source.SCANNER, 1500, 600, ("GTUBE",)),
        Verdict(Source.SCANNER, 600, 600, ("GTUBE",)),
    ]


def test_away_the_filter_judges_or_mail_waits(house: House, setting: Callable[..., None]) -> None:
    setting(rspamd=f"127.0.0.1:{free_port()}")
    send(house, bad(2))
    send(house, good(2))
    assert (len(house.mail("ada")), len(house.mail("ada", "Junk"))) == (1, 1)
    setting(scanner_away="refuse")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(house, good(3))
    assert refused.value.smtp_code == 451
    assert (len(house.mail("ada")), len(house.mail("ada", "Junk"))) == (1, 1)


def test_what_is_too_large_is_not_shown(house: House, setting: Callable[..., None]) -> None:
    setting(rspamd=f"127.0.0.1:{free_port()}", scanner_away="refuse", scanned_octets=1024)
    send(house, good(4) + b"x" * 1024)
    assert len(house.mail("ada")) == 1


def saying(octets: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(octets)
        await writer.drain()

    return answer


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"[" * 65536)
        await writer.drain()


def whole(body: bytes, status: str = "200 OK") -> Answer:
    return saying(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


@pytest.mark.parametrize(
    "answer",
    [
        silent,
        endless,
        saying(b""),
        saying(b"\0" * 100_000),
        saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
        whole(b"no"),
        whole(b"[" * 100_000),
        whole(b"{}"),
        whole(b'{"action": 7}'),
        whole(b'{"action": "reject"}', "403 Forbidden"),
    ],
)
async def test_whatever_answers_it_ends(answer: Answer) -> None:
    async with pretending(answer) as port:
        client = rspamd.Rspamd(Junk(rspamd=f"127.0.0.1:{port}", scanner_seconds=1), StandingClock())
        with pytest.raises(Away):
            await client.scan(letter("x"), Handed("a@b", ["c@d", "é@f", "g\r\nX: y"], "192.0.2.1"))


async def test_after_failures_it_is_left_alone_for_a_while() -> None:
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += b"/checkv2" in await reader.readline()

    clock = StandingClock()
    async with pretending(answer) as port:
        client = rspamd.Rspamd(Junk(rspamd=f"127.0.0.1:{port}"), clock)
        for _ in range(FAILURES + 5):
            with pytest.raises(Away):
                await client.scan(letter("x"), Handed())
        assert asked == FAILURES
        clock.step(REST + 1)
        with pytest.raises(Away):
            await client.scan(letter("x"), Handed())
        assert asked == FAILURES + 1


async def test_messages_that_it_does_not_manage_leave_it_in_use_for_the_others() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"/ping" in await reader.readline():
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npong\r\n")
            await writer.drain()

    async with pretending(answer) as port:
        client = rspamd.Rspamd(Junk(rspamd=f"127.0.0.1:{port}"), StandingClock())
        for _ in range(2 * FAILURES):
            with pytest.raises(Unscanned):
                await client.scan(letter("x"), Handed())


@pytest.mark.needs("rspamd")
async def test_a_real_one_says_that_it_is_there(scanner: Rspamd) -> None:
    client = rspamd.Rspamd(Junk(rspamd=f"127.0.0.1:{scanner.port}"), StandingClock())
    assert await client.answers()


@given(
    st.binary(max_size=200)
    | st.from_type(dict).map(lambda said: json.dumps({**said, "action": "x"}, default=str).encode())
)
def test_any_answer_is_read_or_refused(answer: bytes) -> None:
    try:
        found = rspamd.read(answer)
    except Away:
        return
    assert isinstance(found, Scanned)


def test_answers() -> None:
    symbols = {"A\n": {"score": 1.5}, "B": {"score": 7}, "C": {"score": -3}, "D": 1, "E" * 500: {"score": 0.1}}
    said = {"action": "reject", "score": 1e400, "required_score": 15, "thresholds": [], "symbols": symbols}
    assert rspamd.read(json.dumps(said).encode()) == Scanned(True, 0, 1500, ("B", "A", "E" * 64))
    greylisted = rspamd.read(b'{"action": "greylist", "score": 5}')
    assert not greylisted.is_junk
