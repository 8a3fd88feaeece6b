"""Viruses: held for IT, told to whom they were sent, released or deleted; a clamd that is away, bombs, garbage."""

import asyncio
import base64
import io
import smtplib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.delivery import Delivery, Envelope
from mailserver.delivery.checks import virus_check
from mailserver.delivery.held import infected as released
from mailserver.delivery.held.infected import InfectedMail
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Junk
from mailserver.inbound.junk import clamd
from mailserver.inbound.junk.patience import FAILURES, Away, Unscanned
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.messages.authentication import NOT_CHECKED, Alignment, AuthenticationResults, Outcome
from mailserver.model.messages.provenance import Door
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, collect, mailboxes, messages
from mailserver.store.queue.held import infected
from mailserver.store.queue.held.infected import Infected
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin, Wanted
from mailserver.store.schema.account.filters import filter_memory
from mailserver.store.schema.mail.junk import infected as rows
from tests.clocks import StandingClock
from tests.inbound.junk.samples import good
from tests.inbound.junk.scanner import EICAR, Answer, Clamd, pretending
from tests.ports import free_port
from tests.smtp.filtering import filters_of, off
from tests.smtp.house import DOMAIN, LIST, PASSWORD, House
from tests.waiting import until

IT = Origin("it", "test")


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    made = Clamd(tmp_path_factory.mktemp("clamd"))
    yield made
    made.stop()


@pytest.fixture
def watched(house: House, scanner: Clamd, setting: Callable[..., None]) -> House:
    """A house that asks clamd, with nothing held."""
    setting(clamd=f"127.0.0.1:{scanner.port}")
    for one in house.read(infected.waiting):
        house.store.write_now(infected.take, one.id)
    house.store.write_now(forget_who_was_told)
    return house


def forget_who_was_told(tx: Tx) -> None:
    tx.execute(filter_memory.delete())


def zipped(name: str, octets: bytes, level: int = 9) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        archive.writestr(name, octets)
    return held.getvalue()


def carrying(archive: bytes, sender: str = "a@ailleurs.fr") -> bytes:
    body = base64.encodebytes(archive).replace(b"\n", b"\r\n")
    head = (
        f"From: {sender}\r\nSubject: Facture\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    )
    part = 'Content-Type: application/zip; name="f.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return (head + "--b\r\n\r\nVoir ci-joint.\r\n--b\r\n" + part).encode() + body + b"--b--\r\n"


VIRUS = carrying(zipped("facture.com", EICAR))


def send(house: House, octets: bytes, *addresses: str, source: str = "127.0.0.1") -> None:
    """From a relay, or from elsewhere: then nothing can be found out about it, since no name server answers."""
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], "mx.fr", timeout=60, source_address=(source, 0)) as client:
        assert client.sendmail("a@ailleurs.fr", addresses or [f"ada@{DOMAIN}"], octets) == {}


def desk(house: House) -> InfectedMail:
    return InfectedMail(settings=house.settings, store=house.store, delivery=house.delivery, clock=house.clock)


@pytest.mark.needs("clamd")
def test_a_virus_is_held_and_told(watched: House) -> None:
    send(watched, VIRUS, f"ada@{DOMAIN}", f"bob@{DOMAIN}", source="127.0.0.2")
    send(watched, good(30))
    (one,) = watched.read(infected.waiting)
    assert AuthenticationResults.stored(one.authentication).dmarc is Alignment.TEMPERROR
    assert one.virus == "Ours.Eicar.UNOFFICIAL"
    assert one.recipients == (f"ada@{DOMAIN}", f"bob@{DOMAIN}")
    assert (one.reverse_path, one.subject) == ("a@ailleurs.fr", "Facture")
    notice, usual = watched.mail("ada")
    assert usual.endswith(good(30))
    assert "Ours.Eicar" in notice.decode()
    assert EICAR not in notice
    assert b"Auto-Submitted: auto-generated" in notice
    assert len(watched.mail("bob")) == 1
    assert b"Facture" not in notice
    assert b"ailleurs.fr" not in notice
    # Nothing but the held row refers to the message: it is kept all the same.
    watched.store.write_now(collect.note, [one.content_id])
    watched.store.write_now(lambda tx: collect.collect(tx, tx.now + 10))
    assert watched.run(desk(watched).release(one.id, IT)).accounts == 2
    assert watched.mail("ada")[-1].endswith(VIRUS)
    assert watched.mail("bob")[-1].endswith(VIRUS)
    with pytest.raises(Refused):
        watched.run(desk(watched).delete(one.id, IT))
    found = [row for row in watched.read(audit.find, Wanted(), 50) if row.action is Action.INFECTED_DECIDED]
    assert (found[0].actor, "released" in str(found[0].detail)) == ("it", True)


def keep(house: House, octets: bytes, *addresses: str, results: AuthenticationResults = NOT_CHECKED) -> int:
    """A message that is held; its number."""

    def hold(tx: Tx) -> int:
        content_id, _ = messages.store_content(tx, blobs.prepare(octets, Path()))
        row = Infected("A1", "Eicar", "a@ailleurs.fr", addresses, int(Door.SMTP), tx.now + 99, results)
        infected.hold(tx, content_id, row)
        return infected.waiting(tx)[-1].id

    return house.store.write_now(hold)


@pytest.mark.needs("clamd")
def test_filters_know_whether_anybody_looked(watched: House, setting: Callable[..., None]) -> None:
    """RFC 5235 section 3.3."""
    tests = "".join(f'if virustest "{one}" {{ fileinto :create "V{one}"; }}' for one in (0, 1, 5))
    filters_of(watched, "ada", f'require ["virustest", "fileinto", "mailbox"]; {tests}')
    send(watched, good(31))
    watched.run(desk(watched).release(keep(watched, good(32), f"ada@{DOMAIN}"), IT))
    setting(clamd="")
    send(watched, good(33))
    found = [
        [one.endswith(good(number)) for one in watched.mail("ada", box)]
        for number, box in ((33, "V0"), (31, "V1"), (32, "V5"))
    ]
    assert found == [[True]] * 3
    off(watched, "ada")


def test_it_stays_held_for_those_who_cannot_get_it_now(house: House) -> None:
    """A full mailbox, a suspended account, somebody who is gone: their copy is not lost."""
    ada, noe, gil = (f"{login}@{DOMAIN}" for login in ("ada", "noe", "gil"))
    number = keep(house, good(36), ada, noe, gil)
    released = house.run(desk(house).release(number, IT))
    assert (released.accounts, tuple(released.left)) == (1, (noe, gil))
    assert [one.reason for one in released.left.values()] == [Reason.OVER_QUOTA, Reason.SUSPENDED]
    assert len(house.mail("ada")) == 1
    (held,) = [one for one in house.read(infected.waiting) if one.id == number]
    assert held.recipients == (noe, gil)
    with pytest.raises(Refused):
        house.run(desk(house).release(number, IT))
    house.store.write_now(accounts.set_quota, house.people["noe"].account_id, 100_000)
    released = house.run(desk(house).release(number, IT))
    assert (released.accounts, tuple(released.left)) == (1, (gil,))
    assert house.mail("noe")[-1].endswith(good(36))
    assert len(house.mail("ada")) == 1, "nobody gets it twice"
    house.store.write_now(accounts.set_quota, house.people["noe"].account_id, 10)
    found = [row for row in house.read(audit.find, Wanted(), 9) if row.action is Action.INFECTED_DECIDED]
    assert str(found[0].detail).endswith("released-in-part")
    house.run(desk(house).delete(number, IT))


def test_somebody_else_decided_meanwhile(house: House) -> None:
    """Of two that release it at once, one does: nobody gets two copies."""
    number = keep(house, good(37), f"ada@{DOMAIN}", f"noe@{DOMAIN}")
    held = house.read(infected.get, number)
    assert held is not None
    house.run(desk(house).release(number, IT))
    with pytest.raises(Refused):
        house.store.write_now(infected.keep_for, held, [f"noe@{DOMAIN}"])
    house.run(desk(house).delete(number, IT))


@pytest.mark.parametrize(("quarantined", "box"), [(False, "INBOX"), (True, "Junk")])
def test_what_was_found_out_of_its_sender_still_holds(house: House, quarantined: bool, box: str) -> None:
    results = AuthenticationResults(Outcome.FAIL, Outcome.NONE, Alignment.FAIL, quarantined=quarantined)
    number = keep(house, good(38), f"ada@{DOMAIN}", results=results)
    house.run(desk(house).release(number, IT))
    account = house.people["ada"].account_id

    def read(tx: Tx) -> int:
        found = mailboxes.get(tx, account, box)
        return int(messages.fetch_uids(tx, account, found.id, ("uid", "authentication"), [found.uidnext - 1])[0][1])

    assert AuthenticationResults.stored(house.read(read)) == results


@pytest.mark.needs("clamd")
def test_somebody_is_told_once_a_day(watched: House) -> None:
    """Whoever sends a hundred viruses writes to nobody's inbox by them."""
    for to in ((f"ada@{DOMAIN}",), (f"ada@{DOMAIN}",), (LIST,), (LIST,)):
        send(watched, VIRUS, *to)
    assert (len(watched.mail("ada")), len(watched.mail("bob"))) == (2, 1)
    assert len(watched.read(infected.waiting)) == 4
    watched.store.write_now(lambda tx: tx.execute(filter_memory.update().values(expires=tx.now - 1)))
    send(watched, VIRUS)
    assert len(watched.mail("ada")) == 3


@pytest.mark.needs("clamd")
def test_what_is_held_is_bounded(watched: House, monkeypatch: pytest.MonkeyPatch) -> None:
    send(watched, VIRUS)
    monkeypatch.setattr(infected, "MAX_OCTETS", len(VIRUS))
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(watched, VIRUS)
    assert refused.value.smtp_code == 451
    assert len(watched.read(infected.waiting)) == 1


@pytest.mark.needs("clamd")
def test_deleted_and_let_go(watched: House) -> None:
    send(watched, VIRUS, LIST)
    send(watched, VIRUS, f"ada@{DOMAIN}")
    first, second = watched.read(infected.waiting)
    assert first.recipients == (LIST,)
    assert len(watched.mail("bob")) == 1
    watched.run(desk(watched).delete(first.id, IT))
    later = rows.update().where(rows.c.id == second.id).values(expires=1)
    watched.store.write_now(lambda tx: tx.execute(later))
    assert watched.run(desk(watched).expire()) == 1
    assert watched.read(infected.waiting) == []


@pytest.mark.needs("clamd")
def test_from_the_house_a_virus_is_not_sent(watched: House) -> None:
    with smtplib.SMTP("127.0.0.1", watched.ports["submission"], timeout=60) as client:
        client.starttls()
        client.login("bob", PASSWORD)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail(f"bob@{DOMAIN}", [f"ada@{DOMAIN}"], carrying(zipped("f.com", EICAR), f"bob@{DOMAIN}"))
    assert refused.value.smtp_code == 550
    assert b"Ours.Eicar" in refused.value.smtp_error
    assert watched.mail("ada") == []
    assert watched.read(infected.waiting) == []


@pytest.mark.needs("clamd")
def test_a_bomb_keeps_nobody_waiting(watched: House) -> None:
    bomb = zipped("zeros", zipped("zeros", bytes(60_000_000), 1), 9)
    send(watched, carrying(bomb))
    send(watched, good(31))
    assert len(watched.mail("ada")) + len(watched.read(infected.waiting)) >= 2


@pytest.mark.needs("clamd")
async def test_a_real_one_says_that_it_is_there(scanner: Clamd) -> None:
    assert await clamd.Clamd(Junk(clamd=f"127.0.0.1:{scanner.port}"), StandingClock()).answers()


@pytest.mark.needs("clamd")
def test_a_virus_at_the_beginning_of_a_large_message_is_found(watched: House, setting: Callable[..., None]) -> None:
    setting(scanned_octets=len(VIRUS) + 1000)  # our own fields stand before it
    send(watched, VIRUS + b"x" * 10_000 + b"\r\n")
    assert [one.virus for one in watched.read(infected.waiting)] == ["Ours.Eicar.UNOFFICIAL"]
    send(watched, good(36) + b"x" * 10_000)
    assert len(watched.mail("ada")) == 2, "the notice, and what nobody knows anything bad of"


@pytest.mark.needs("clamd")
def test_very_many_are_all_told_in_batches(watched: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virus_check, "MAX_TOLD", 2)
    monkeypatch.setattr(released, "MAX_TOLD", 2)
    people = [f"{name}@{DOMAIN}" for name in ("ada", "bob", "eve", "zoe", "ida")]
    send(watched, VIRUS, *people)
    assert [len(watched.mail(one.partition("@")[0])) for one in people] == [1, 1, 0, 0, 0]
    watched.store.write_now(accounts.suspend, watched.people["zoe"].account_id, "test", False)
    watched.changes.publish_all()

    async def two_at_once() -> list[int]:
        return list(await asyncio.gather(desk(watched).tell(), desk(watched).tell()))

    try:
        assert sum(watched.run(two_at_once())) == 2
        assert [len(watched.mail(one.partition("@")[0])) for one in people] == [1, 1, 1, 0, 1]
        (held,) = watched.read(infected.waiting)
        assert (held.untold, held.recipients) == (-1, tuple(people))
        assert watched.run(desk(watched).tell()) == 0
    finally:
        watched.store.write_now(accounts.resume, watched.people["zoe"].account_id)
        watched.changes.publish_all()


def test_away_mail_is_taken_or_waits(house: House, setting: Callable[..., None]) -> None:
    setting(clamd=f"127.0.0.1:{free_port()}")
    send(house, good(32))
    setting(scanner_away="refuse")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(house, good(33))
    assert refused.value.smtp_code == 451
    assert len(house.mail("ada")) == 1


def test_a_scanner_that_never_answers_keeps_others_from_nothing(house: House, setting: Callable[..., None]) -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read(10)
        await asyncio.sleep(3600)

    async def deliver() -> None:
        async with pretending(silent) as port:
            setting(clamd=f"127.0.0.1:{port}", scanner_seconds=300)
            waiting = asyncio.create_task(asyncio.to_thread(send, house, good(34)))
            await asyncio.wait_for(asked.wait(), 60)
            setting(clamd="")
            await asyncio.to_thread(send, house, good(35))
            assert len(house.mail("ada")) == 1
            waiting.cancel()

    house.run(deliver())
    until(lambda: len(house.mail("ada")) == 2)


def saying(octets: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        await writer.drain()
        await reader.read()

    return answer


async def asked(answer: Answer, octets: bytes = b"x" * 1_000_000) -> str | None:
    async with pretending(answer) as port:
        return await clamd.Clamd(Junk(clamd=f"127.0.0.1:{port}", scanner_seconds=1), StandingClock()).scan(octets)


async def test_nothing_found_or_not_looked_at() -> None:
    assert await asked(saying(b"stream: OK\0")) == ""
    assert await asked(saying(b"INSTREAM size limit exceeded. ERROR\0")) is None
    assert await asked(saying(b"stream: OK\0"), b"x" * 20_000_000) is None, "nobody knows what its end holds"
    assert await asked(saying(b"stream: Eicar FOUND\0"), b"x" * 20_000_000) == "Eicar"


async def test_of_what_is_too_large_the_beginning_is_shown() -> None:
    shown: list[int] = []

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        while size := int.from_bytes(await reader.readexactly(4)):
            shown.append(len(await reader.readexactly(size)))
        writer.write(b"stream: OK\0")
        await writer.drain()

    assert await asked(counting, b"x" * 20_000_000) is None
    assert sum(shown) == Junk().scanned_octets


async def test_half_a_message_that_cannot_be_scanned_keeps_nobody_from_it() -> None:
    pings: list[bytes] = []
    assert await asked(answering_pings(pings), b"x" * 20_000_000) is None
    with pytest.raises(Unscanned):
        await asked(answering_pings(pings), b"x" * 1000)


@pytest.mark.parametrize("said", [b"", b"\0" * 9999, b"stream: OK FOUN", b"PONG\0", b"stream: x ERROR\0", b"\xff" * 10])
async def test_whatever_answers_it_ends(said: bytes) -> None:
    with pytest.raises(Away):
        await asked(saying(said))


def answering_pings(asked: list[bytes]) -> Answer:
    """A clamd that manages no message, but says that it is there."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\0"))
        if asked[-1] == b"zPING\0":
            writer.write(b"PONG\0")
            await writer.drain()
        else:
            writer.write(b"stream: x ERROR\0")
            await reader.read()

    return answer


async def test_messages_that_it_does_not_manage_leave_it_in_use_for_the_others() -> None:
    asked: list[bytes] = []
    async with pretending(answering_pings(asked)) as port:
        client = clamd.Clamd(Junk(clamd=f"127.0.0.1:{port}", scanner_seconds=20), StandingClock())
        for _ in range(2 * FAILURES):
            with pytest.raises(Unscanned):
                await client.scan(b"x")
    assert asked == [b"zINSTREAM\0", b"zPING\0"] * 2 * FAILURES


def test_a_message_that_it_does_not_manage_is_not_taken(house: House, setting: Callable[..., None]) -> None:
    """Its sender keeps it, whatever becomes of mail while the scanner is away."""

    async def deliver() -> None:
        delivery = Delivery(
            settings=house.settings, store=house.store, directory=house.directory, clock=house.clock, changes=Changes()
        )
        async with pretending(answering_pings([])) as port:
            setting(clamd=f"127.0.0.1:{port}", scanner_away="accept")
            recipient = await delivery.resolve(f"ada@{DOMAIN}")
            envelope = Envelope("a@ailleurs.fr", (recipient,), delivery.outsider("a@ailleurs.fr"))
            with pytest.raises(Temporary, match="could not be scanned"):
                await delivery.deliver(envelope, good(39))

    house.run(deliver())
    assert house.mail("ada") == []


@given(st.binary(max_size=100))
def test_any_answer_is_read_or_refused(answer: bytes) -> None:
    try:
        assert len(clamd.read(answer) or "") <= clamd.MAX_NAME
    except Away:
        return
    assert clamd.read(b"stream: " + b"A" * 290 + b" FOUND\0") == "A" * clamd.MAX_NAME


def test_a_socket_of_this_machine() -> None:
    assert Junk(clamd="unix:/run/clamav/clamd.ctl").clamd
    with pytest.raises(ValueError, match="host:port"):
        Junk(clamd="clamd.ctl")
