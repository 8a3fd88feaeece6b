"""The connection: order, bounds, timeouts, back-pressure, TLS, and the faults that a Twisted IMAP server had.

Names say which attack or fault a test stands for.
"""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imap.connection import protocol
from imap.connection.conversation import FAULTS, FAULTS_BEFORE_LOGIN
from imap.connection.door import Tls
from imap.connection.reader import PIPELINE_OCTETS
from mailserver.foundation import tls
from mailserver.foundation.served_certificates import Certificate
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import mailboxes, messages
from mailserver.store.schema.mail.messages import subscription
from tests.imap.world import PASSWORD, Client, Pencil, World, play, turns
from tests.waiting import becomes

MESSAGE = b"From: a@example.org\r\nSubject: Bonjour\r\n\r\n" + b"La r\xc3\xa9union est \xc3\xa0 14 h.\r\n" * 20


@contextmanager
def patched(module: Any, **values: Any) -> Iterator[None]:
    before = {name: getattr(module, name) for name in values}
    for name, value in values.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


# ---------------------------------------------------------------------- order


def test_store_and_expunge_in_one_segment_do_not_race(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            await client.ok("APPEND INBOX", literal=MESSAGE)
            client.send(b"a STORE 1 +FLAGS (\\Deleted)\r\nb EXPUNGE\r\nc NOOP\r\n")
            said = [await client.line() for _ in range(6)]
            assert said[0].startswith(b"* 1 FETCH (FLAGS (\\Deleted")
            assert said[1:] == [
                b"a OK STORE completed",
                b"* 1 EXPUNGE",
                b"* 0 RECENT",
                b"b OK EXPUNGE completed",
                b"c OK NOOP completed",
            ]

    play(scene)


def test_select_and_fetch_pipelined(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session()
            await client.ok("APPEND INBOX", literal=MESSAGE)
            client.send(b"a SELECT INBOX\r\nb FETCH 1 RFC822.SIZE\r\n")
            await client.until(b"a OK [READ-WRITE] SELECT completed\r\n")
            assert await client.line() == b"* 1 FETCH (RFC822.SIZE %d)" % len(MESSAGE)
            assert await client.line() == b"b OK FETCH completed"

    play(scene)


def test_much_pipelined_input_waits_in_the_kernel(sqlite_store: Store) -> None:
    """Pipelining depth is bounded: reading stops while a command runs and much waits behind it."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session()
            noops = b"".join(b"n%d NOOP\r\n" % number for number in range(10_000))
            client.send(b'a LIST "" *\r\n')
            await asyncio.sleep(0)
            client.send(noops)
            assert client.transport.producerState == "paused"
            assert len(noops) > PIPELINE_OCTETS
            await client.until(b"n9999 OK NOOP completed\r\n")
            await client.ok("NOOP")
            assert client.transport.producerState == "producing"

    play(scene)


# ---------------------------------------------------------------------- framing and literals


def test_literal_octets_are_never_run_as_commands(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session()
            inner = b"x1 EXAMINE INBOX\r\nx2 LOGOUT\r\n"
            client.send(b"a APPEND missing {%d+}\r\n%s\r\nb NOOP\r\n" % (len(inner), inner))
            assert (await client.line()).startswith(b"a NO [TRYCREATE]")
            assert await client.line() == b"b OK NOOP completed"

    play(scene)


def test_literal_bomb_after_login_is_refused_before_it_is_sent(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store, message_size=1_000_000) as world:
            await world.people()
            client = await world.session()
            *_, last = await client.command("APPEND INBOX {4000000000}")
            assert last.startswith("NO [TOOBIG]")
            *_, last = await client.command("APPEND INBOX {1000001}")
            assert last.startswith("NO [TOOBIG]")
            await client.ok("NOOP")
            client.send(b"c APPEND INBOX {4000000000+}\r\n")
            assert b"* BYE" in await client.closed()

    play(scene)


def test_literal_bomb_before_login_is_refused(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.client().greeting()
            *_, last = await client.command("LOGIN {100000}")
            assert last.startswith("NO [TOOBIG]")
            await client.ok(f'LOGIN "edupont" "{PASSWORD}"')

    play(scene)


def test_quotes_in_a_password_are_escaped(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.client().greeting()
            *_, last = await client.command(r'LOGIN "edupont" "a\"b\\c"')
            assert last.startswith("NO [AUTHENTICATIONFAILED]")
            client.send(b"x LOGIN {7+}\r\nedupont {%d+}\r\n%s\r\n" % (len(PASSWORD), PASSWORD.encode()))
            assert (await client.line()).startswith(b"x OK")

    play(scene)


def test_a_bare_line_feed_ends_nothing(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session()
            client.send(b'a SEARCH SUBJECT "x\nb LOGOUT\r\nc NOOP\r\n')
            assert (await client.line()).startswith(b"a BAD")
            assert await client.line() == b"c OK NOOP completed"

    play(scene)


def test_listing_many_names_keeps_nobody_waiting(sqlite_store: Store) -> None:
    """Time: the most names an account can have, against the most patterns, with the loop turning meanwhile."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client, other = await world.session(), await world.session("mmartin")
            account = world.accounts["edupont"]
            names = [{"account_id": account, "name": f"a/b{number}/c"} for number in range(mailboxes.MAX_SUBSCRIPTIONS)]
            await world.store.write(lambda tx: tx.insert_ignore(subscription, names))
            assert len(await client.ok('LSUB "" "%/%"')) == mailboxes.MAX_SUBSCRIPTIONS
            patterns = " ".join(["a*a*a*a*b", "%x%y%z"] * 40)
            client.send(f'l LIST (SUBSCRIBED) "" ({patterns})\r\n'.encode())
            assert await turns(other, client, b"l OK") > 10

    play(scene)


# ---------------------------------------------------------------------- other protocols, mistakes


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\nHost: mail\r\n\r\n",
        b"POST /x HTTP/1.0\r\n",
        b"EHLO spam.example\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n",
    ],
    ids=["http", "post", "smtp", "tls"],
)
def test_another_protocol_is_turned_away_at_its_first_line(sqlite_store: Store, first: bytes) -> None:
    """Cross-protocol attack: a browser made to post here must not have its body run as commands."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.client().greeting()
            client.send(first + b"a LOGIN edupont %s\r\n" % PASSWORD.encode())
            assert b"* BYE" in await client.closed()
            assert world.keeper.asked == []

    play(scene)


def test_too_many_mistakes_end_the_connection(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            for login, limit in ((False, FAULTS_BEFORE_LOGIN), (True, FAULTS)):
                client = await world.session() if login else await world.client().greeting()
                for _ in range(limit):
                    await client.command("FROBNICATE")
                await client.ok("NOOP")
                for _ in range(limit + 1):
                    client.send(b"x FROBNICATE\r\n")
                assert b"* BYE Too many errors" in await client.closed()

    play(scene)


def test_an_unexpected_error_does_not_leak_its_text(sqlite_store: Store, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            await client.ok("APPEND INBOX", literal=MESSAGE)

            def broken(*arguments: object) -> None:
                raise RuntimeError("secret detail")

            with patched(messages, fetch_uids=broken, fetch_columns_of=broken):
                *_, last = await client.command("FETCH 1 ENVELOPE")
            assert last == "NO [SERVERBUG] Internal error"
            await client.ok("FETCH 1 ENVELOPE")

    with caplog.at_level(logging.CRITICAL):
        play(scene)


# ---------------------------------------------------------------------- TLS


def test_plain_text_behind_starttls_is_discarded(sqlite_store: Store) -> None:
    """STARTTLS injection: what came in the same segment must not be run once TLS is up."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.client("192.0.2.7").greeting()
            client.send(b"a STARTTLS\r\nb LOGIN edupont %s\r\nc NOOP\r\n" % PASSWORD.encode())
            assert (await client.line()).startswith(b"a OK")
            await becomes(lambda: client.transport.tls)
            assert client.pending == b""
            assert world.keeper.asked == []
            await client.ok("CAPABILITY")

    play(scene)


def test_passwords_in_clear_only_within_the_machine(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = world.client("192.0.2.7")
            greeting = (await client.line()).decode()
            assert "LOGINDISABLED" in greeting
            assert "AUTH=" not in greeting
            *_, last = await client.command(f"LOGIN edupont {PASSWORD}")
            assert last.startswith("NO [PRIVACYREQUIRED]")
            *_, last = await client.command("AUTHENTICATE PLAIN AGVkdXBvbnQAQWNhZGVtaWUjMjAyNg==")
            assert last.startswith("NO [PRIVACYREQUIRED]")
            assert world.keeper.asked == []
            await client.ok("STARTTLS")
            said, _ = await client.command("CAPABILITY")
            assert "AUTH=PLAIN" in said
            assert "STARTTLS" not in said
            assert "LOGINDISABLED" not in said
            await client.ok(f"LOGIN edupont {PASSWORD}")

    play(scene)


def test_proofs_of_a_password_are_taken_and_offered_under_tls_alone(sqlite_store: Store) -> None:
    """SCRAM says no password, and enough for whoever listens to guess one."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            world.keeper.scram = Pencil(world.keeper.people)
            client = world.client("192.0.2.7")
            assert b"AUTH=" not in await client.line()
            *_, last = await client.command("AUTHENTICATE SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=")
            assert last.startswith("NO [PRIVACYREQUIRED]")
            await client.ok("STARTTLS")
            said, _ = await client.command("CAPABILITY")
            assert "AUTH=SCRAM-SHA-256" in said

    play(scene)


def test_tls_from_the_start_offers_no_starttls(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = world.client("192.0.2.7", secure=True)
            assert b"STARTTLS" not in await client.line()
            *_, last = await client.command("STARTTLS")
            assert last.startswith("BAD")
            await client.ok(f"LOGIN edupont {PASSWORD}")

    play(scene)


def test_a_renewed_certificate_is_taken_and_a_broken_one_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    tls.make_certificate(certificate, key, ["mail.ac-exemple.fr"], datetime.now(UTC))
    context = Tls(Certificate(certificate, key))
    first = context.serverConnectionForTLS(None).get_context()
    assert context.serverConnectionForTLS(None).get_context() is first
    certificate.write_text("half")
    os.utime(certificate, (1, 1))
    assert context.serverConnectionForTLS(None).get_context() is first
    key.unlink()
    tls.make_certificate(certificate, key, ["mail.ac-exemple.fr"], datetime.now(UTC))
    assert context.serverConnectionForTLS(None).get_context() is not first


# ---------------------------------------------------------------------- limits of connections and time


def put_forward(seconds: float) -> None:
    """The clock of this loop."""
    loop = asyncio.get_running_loop()
    now = loop.time
    loop.time = lambda: now() + seconds  # type: ignore[method-assign]


def test_a_stranger_must_log_in_soon(sqlite_store: Store) -> None:
    """Slow-loris: octets that trickle in do not prolong the time to log in."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            known = await world.session()
            client = await world.client().greeting()
            for _ in range(3):
                put_forward(protocol.LOGIN_SECONDS / 4)
                client.send(b"a")
                await known.ok("NOOP")
                assert not client.transport.lost
            put_forward(protocol.LOGIN_SECONDS / 4 + 1)
            await becomes(lambda: client.transport.lost)
            assert b"* BYE" in client.pending
            await known.ok("NOOP")

    play(scene)


def test_silence_ends_a_session(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            quiet = await world.session(mailbox="INBOX")
            busy = await world.session()
            for _ in range(3):
                put_forward(protocol.IDLE_SECONDS / 4)
                await busy.ok("NOOP")
                assert not quiet.transport.lost
            put_forward(protocol.IDLE_SECONDS / 4 + 1)
            await becomes(lambda: quiet.transport.lost)
            assert b"* BYE" in quiet.pending
            await busy.ok("NOOP")

    play(scene)


def test_a_peer_that_does_not_read_is_cut_off(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            await client.ok("APPEND INBOX", literal=MESSAGE)
            with patched(protocol, STALL_SECONDS=0.2, IDLE_SECONDS=0.2):
                client.transport.full = 10
                client.send(b"a FETCH 1 BODY.PEEK[]\r\n")
                await client.closed()

    play(scene)


def test_an_unread_socket_holds_a_bounded_answer(sqlite_store: Store) -> None:
    """Back-pressure: the rest of a long FETCH is read from the store only as the client reads."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            big = MESSAGE + b"x" * 1_000_000 + b"\r\n"
            for _ in range(12):
                await client.ok("APPEND INBOX", literal=big)
            client.transport.full = 65_536
            client.send(b"a FETCH 1:* BODY.PEEK[]\r\n")
            await becomes(lambda: len(client.pending) > len(big))
            other = await world.session(mailbox="INBOX")
            for _ in range(50):  # the account's turn goes round; one message more for each would be seen
                await other.ok("FETCH 1:* FLAGS")
            assert len(client.pending) < 4 * len(big)
            read = b""
            while not read.endswith(b"a OK FETCH completed\r\n"):
                read += client.transport.take(100_000)
                await asyncio.sleep(0)
            assert read.count(big) == 12

    play(scene)


def test_a_client_that_leaves_during_a_command_harms_nobody(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            other = await world.session(mailbox="INBOX")
            for pause in (0, 0.001, 0.01):
                client = await world.session(mailbox="INBOX")
                client.send(b"a APPEND INBOX {%d+}\r\n%s\r\nb FETCH 1:* BODY[]\r\n" % (len(MESSAGE), MESSAGE))
                await asyncio.sleep(pause)
                client.transport.loseConnection()
                await asyncio.sleep(0.05)
            await other.ok("NOOP")

    play(scene)


def test_the_door_says_goodbye_when_it_closes(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            idle = await world.session(mailbox="INBOX")
            idle.send(b"a IDLE\r\n")
            await idle.until(b"+ idling\r\n")
            silent = await world.session()
            await world.door.stop(1)
            assert b"* BYE" in await idle.closed()
            assert b"* BYE" in await silent.closed()
            late = Client(world.door)
            assert b"* BYE" in await late.closed()

    play(scene)
