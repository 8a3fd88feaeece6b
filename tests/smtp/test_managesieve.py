"""ManageSieve (RFC 5804), by golden dialogues, by hostile octets, and by a real client."""

import asyncio
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mailserver.filters.sieve
from mailserver.filters import Scripts
from mailserver.foundation.metrics import catalogue
from mailserver.model.identity import ListKind
from mailserver.store.account import accounts, filters
from mailserver.store.account.filters import KEPT
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.access import boxes
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record import audit
from mailserver.store.record.audit import Origin, Wanted
from mailserver.store.schema.account.filters import filter_script, filter_version
from smtp.managesieve import framing, replies
from smtp.managesieve.connection import Connection
from smtp.managesieve.framing import Broken, Command, Framer
from tests.figures import value
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.filtering import letter, send
from tests.smtp.house import DOMAIN, PASSWORD, House
from tests.smtp.managesieve import FOLDER, Client, plain, play
from tests.waiting import PATIENCE, until

ORIGIN = Origin("ada", "sieve")
DIALOGUES = sorted(FOLDER.glob("*.txt"))


def _no_scripts(tx: Tx) -> None:
    for table in (filter_version, filter_script):
        tx.execute(table.delete())


@pytest.fixture
def sieve(house: House) -> Iterator[House]:
    """The shared house, without scripts before and after, and nobody waiting for a wrong password."""
    house.store.write_now(_no_scripts)
    yield house
    house.store.write_now(_no_scripts)


@pytest.mark.parametrize("way", ["lines", "octets", "pipelined", "tls"])
@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_dialogue(path: Path, way: str, sieve: House) -> None:
    play(path, sieve, way=way)


# ---------------------------------------------------------------------- octets


def commands(octets: bytes, *, pieces: int = 1 << 30, literal: int = 1000) -> list[Command | Broken]:
    framer = Framer(literal)
    found = []
    for start in range(0, len(octets), pieces):
        framer.feed(octets[start : start + pieces])
        while (one := framer.next()) is not None:
            found.append(one)
    return found


ARGUMENT = st.one_of(st.binary(max_size=40), st.integers(0, 10**9))


@given(
    st.lists(st.tuples(st.from_regex(r"\A[A-Z]{1,10}\Z"), st.lists(ARGUMENT, max_size=8)), max_size=4),
    st.integers(1, 9),
)
def test_what_is_written_is_read(lines: list[tuple[str, list[bytes | int]]], pieces: int) -> None:
    written = b""
    for name, arguments in lines:
        words = [name.encode()]
        for argument in arguments:
            if isinstance(argument, int):
                words.append(b"%d" % argument)
            else:
                words.append(replies.string(argument).replace(b"}\r\n", b"+}\r\n", 1))
        written += b" ".join(words) + b"\r\n"
    assert commands(written, pieces=pieces) == [Command(name, tuple(arguments)) for name, arguments in lines]


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from([b"\r\n", b"{3+}", b"{9}", b'"', b"\\", b" ", b"NOOP", b"\n", b"\0", b"a"])
        | st.binary(max_size=9)
    )
)
def test_anything_is_read_in_any_pieces(pieces: list[bytes]) -> None:
    octets = b"".join(pieces)
    whole = commands(octets)
    assert commands(octets, pieces=1) == whole
    assert all(isinstance(one, Command | Broken) for one in whole)


def test_a_literal_that_is_too_large_is_read_away() -> None:
    octets = b'PUTSCRIPT "x" {2000+}\r\n' + b"LOGOUT\r\n" * 250 + b"\r\nNOOP\r\n"
    refused, noop = commands(octets, pieces=7)
    assert isinstance(refused, Broken)
    assert (refused.name, refused.too_big, refused.fatal) == ("PUTSCRIPT", True, False)
    assert noop == Command("NOOP")
    (fatal,) = commands(b'PUTSCRIPT "x" {9999999999+}\r\nNOOP\r\n')
    assert isinstance(fatal, Broken)
    assert fatal.fatal
    (fatal,) = commands(b"x" * (framing.LINE + 1))
    assert isinstance(fatal, Broken)
    assert fatal.fatal


def test_nothing_is_kept_where_nothing_can_be_read() -> None:
    framer = Framer(100)
    framer.feed(b"x" * (framing.LINE + 1))
    assert isinstance(framer.next(), Broken)
    framer.feed(b"NOOP\r\n" * 100)
    assert framer.next() is None
    assert len(framer) == 0


def test_memory_of_what_is_read_away_stays_small() -> None:
    framer = Framer(100)
    framer.feed(b"CHECKSCRIPT {9000000+}\r\n")
    for _ in range(100):
        framer.feed(b"x" * 10_000)
        assert framer.next() is None
        assert len(framer) <= 10_000


# ---------------------------------------------------------------------- the door


def test_passwords_need_tls_unless_nobody_reads_along(sieve: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailserver.foundation.network.peers.is_loopback", lambda _: False)
    client = Client(sieve)
    greeting = client.greeting()
    assert '"SASL" ""' in greeting
    assert '"STARTTLS"' in greeting
    client.send(f'AUTHENTICATE "PLAIN" "{plain("ada")}"\r\n'.encode())
    assert client.line() == 'NO (ENCRYPT-NEEDED) "Passwords are taken only under TLS"'
    client.close()
    secure = Client(sieve, tls=True)
    greeting = secure.greeting()
    assert '"SASL" "PLAIN"' in greeting
    assert '"STARTTLS"' not in greeting
    secure.log_in("ada")
    secure.close()


def test_what_is_said_before_tls_counts_for_nothing(sieve: House) -> None:
    client = Client(sieve)
    client.greeting()
    client.start_tls(b'NOOP "smuggled"\r\nCHECKSCRIPT {9+}\r\nab')
    greeting = client.greeting()
    assert greeting[-1] == 'OK "ManageSieve"'
    assert '"STARTTLS"' not in greeting
    client.send(b'NOOP "mine"\r\n')
    assert client.line() == 'OK (TAG "mine") "Done"'
    client.close()


def only_connection(house: House) -> Connection:
    until(lambda: len(house.sieve_door._members) == 1)
    (connection,) = house.sieve_door._members
    assert isinstance(connection, Connection)
    return connection


def test_nothing_is_taken_in_clear_while_the_answer_to_starttls_waits(sieve: House) -> None:
    """Whoever sits on the wire leaves answers unread, and logs the victim in as somebody else before the handshake."""
    client = Client(sieve)
    client.greeting()
    connection = only_connection(sieve)
    sieve.loop.call_soon_threadsafe(connection.pause_writing)
    client.send(b"STARTTLS\r\n")
    assert client.line() == 'OK "Begin TLS negotiation now"'
    client.send(f'AUTHENTICATE "PLAIN" "{plain("eve")}"\r\n'.encode())
    for _ in range(5):
        sieve.run(asyncio.sleep(0))
    sieve.loop.call_soon_threadsafe(connection.resume_writing)
    with pytest.raises(OSError):
        tls_context().wrap_socket(client.socket)
    client.close()


def test_who_leaves_instead_of_a_handshake_is_counted_no_more(sieve: House) -> None:
    before = value(catalogue.OPEN, "sieve")
    client = Client(sieve)
    client.greeting()
    assert value(catalogue.OPEN, "sieve") == before + 1
    client.send(b"STARTTLS\r\n")
    assert client.line().startswith("OK")
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing says so by RST
    client.close()
    until(lambda: value(catalogue.OPEN, "sieve") == before)


def test_a_peer_that_does_not_read_is_not_answered_ahead(sieve: House) -> None:
    source = b"#" * 200_000 + b"\r\n"
    sieve.run(
        Scripts(settings=sieve.settings, store=sieve.store).put(sieve.people["ada"].account_id, "a", source, ORIGIN)
    )
    client = Client(sieve)
    client.greeting()
    client.log_in("ada")
    connection = only_connection(sieve)
    client.send(b'GETSCRIPT "a"\r\n' * 100)
    until(lambda: connection._writable is not None)
    assert connection._transport is not None
    assert connection._transport.get_write_buffer_size() + connection._waiting < 2 * len(source)
    for _ in range(100):
        assert client.line() == f"{{{len(source)}}}"
        assert client.line() == "#" * 200_000
        assert (client.line(), client.line()) == ("", "OK")
    client.close()


def test_a_stranger_who_does_not_read_has_a_strangers_time(sieve: House) -> None:
    client = Client(sieve)
    client.greeting()
    connection = only_connection(sieve)

    async def time_is_up() -> None:
        connection.pause_writing()
        connection._until = 0.0

    sieve.run(time_is_up())
    client.send(b"NOOP\r\n")
    until(lambda: not sieve.sieve_door._members)
    client.close()


@pytest.mark.parametrize("answer", [b"x" * (framing.LINE + 2), b"{99999999+}\r\n"])
def test_an_endless_answer_to_a_challenge_ends_the_connection(sieve: House, answer: bytes) -> None:
    client = Client(sieve)
    client.greeting()
    client.send(b'AUTHENTICATE "PLAIN"\r\n')
    assert client.line() == '""'
    client.send(answer)
    assert client.line().startswith("BYE ")
    assert client.line() == "<closed>"
    client.close()


def test_the_door_counts_its_peers_and_ends_with_the_account(sieve: House, make_house: HouseMaker) -> None:
    small = make_house(limits={"connections_per_account": 1})
    first, second = Client(small), Client(small)
    for client in (first, second):
        client.greeting()
    first.log_in("ada")
    second.send(f'AUTHENTICATE "PLAIN" "{plain("ada")}"\r\n'.encode())
    assert second.line() == 'NO (TRYLATER) "Too many connections of this account"'
    small.run(small.login.log_out_everywhere(small.people["ada"], Origin("test", "console")))
    first.send(b"LISTSCRIPTS\r\n")
    assert first.line().startswith("BYE ")
    first.close()
    second.close()
    silent = Client(small)
    silent.greeting()
    small.run(small.sieve_door.stop(1.0))
    assert silent.line() == 'BYE (TRYLATER) "The service is stopping"'
    assert silent.line() == "<closed>"
    silent.close()


BOX = f"cdi@{DOMAIN}"


def _box(tx: Tx) -> int:
    """A functional box that Ada manages, and in whose mail Bob writes."""
    lists.create(tx, BOX, "CDI", "", {"kind": ListKind.FUNCTION.value})
    lists.add_members(tx, BOX, (f"ada@{DOMAIN}", f"bob@{DOMAIN}"))
    made = boxes.ensure(tx, BOX)
    lists.set_rights(tx, BOX, {f"ada@{DOMAIN}": "read manage"})
    return made


def test_whoever_manages_a_functional_box_has_its_scripts(make_house: HouseMaker) -> None:
    """By its address as authorization identity (RFC 5804 section 2.1); until they manage it no more."""
    house = make_house()
    box_id = house.store.write_now(_box)
    client = Client(house)
    client.greeting()
    for words in (f"bob as {BOX}", f"ada as rien@{DOMAIN}", "ada as bob"):
        client.send(f'AUTHENTICATE "PLAIN" "{plain(words)}"\r\n'.encode())
        assert "Acting for somebody else is not possible" in client.line()
    client.close()
    client = Client(house)
    client.greeting()
    client.log_in(f"ada as {BOX.upper()}")
    script = b'require "fileinto"; fileinto "Archive";'
    client.send(b'PUTSCRIPT "tri" {%d+}\r\n%b\r\nSETACTIVE "tri"\r\nCAPABILITY\r\n' % (len(script), script))
    assert [client.line() for _ in range(2)] == ['OK "Script stored"', 'OK "Script is active"']
    assert f'"OWNER" "{BOX}"' in client.greeting()
    assert house.read(filters.listing, house.people["ada"].account_id) == []
    found = [row for row in house.read(audit.find, Wanted(), 9) if row.account_id == box_id]
    assert [row.actor for row in found] == ["ada", "ada"]
    send(house, letter(to=BOX), BOX)
    look = [one.messages for one in house.read(mailboxes.listing, box_id) if one.name == "Archive"]
    assert look == [1]
    answering = f'require "vacation"; vacation :addresses "{BOX}" "NIR 1 85 05 78 006 084 91";'.encode()
    client.send(b'PUTSCRIPT "tri" {%d+}\r\n%b\r\n' % (len(answering), answering))
    assert "The answers of a functional box cannot be confirmed" in client.line()
    send(house, letter(to=BOX), BOX)
    notice = message_from_bytes(house.mail_of(box_id)[-1], policy=policy.default)
    assert "Les réponses d’une boîte fonctionnelle ne se confirment pas" in notice.get_content()
    assert "/m/reglages" not in notice.get_content(), "where whoever reads it would find their own"
    house.store.write_now(lists.set_rights, BOX, {f"ada@{DOMAIN}": "read write send"})
    client.send(b"LISTSCRIPTS\r\n")
    assert client.line() == 'BYE "Acting for somebody else is not possible"'
    client.close()


def test_bounds_of_an_account(make_house: HouseMaker) -> None:
    house = make_house(filters={"scripts": 2, "script_size": 5000, "scripts_size": 6000})
    client = Client(house)
    client.greeting()
    client.log_in("ada")

    def put(name: str, size: int) -> str:
        script = b"#" * (size - 2) + b"\r\n"
        client.send(f'PUTSCRIPT "{name}" {{{size}+}}\r\n'.encode() + script + b"\r\n")
        return client.line()

    assert put("a", 4000) == 'OK "Script stored"'
    assert put("b", 5001) == 'NO (QUOTA/MAXSIZE) "The script is too large"'
    assert put("b", 2001) == 'NO (QUOTA) "The scripts together are too large"'
    assert put("b", 2000) == 'OK "Script stored"'
    assert put("c", 10) == 'NO (QUOTA/MAXSCRIPTS) "Too many scripts"'
    client.send(b'HAVESPACE "c" 10\r\n')
    assert client.line() == 'NO (QUOTA/MAXSCRIPTS) "Too many scripts"'
    assert put("a", 10) == 'OK "Script stored"'
    client.close()


def test_faults_are_told_in_the_readers_language(sieve: House) -> None:
    client = Client(sieve, tls=True)
    client.greeting()
    client.log_in("ada")
    client.send(b'CHECKSCRIPT "\r\n')
    assert client.line() == 'NO "Syntax error"'
    client.send(b"CHECKSCRIPT {12+}\r\nkeep;\r\nkeepx\r\n")
    assert client.line().startswith('NO "line 2, column ')
    client.close()


def test_scripts_are_read_one_at_a_time(sieve: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads that read them also check mail that arrives."""
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)
    compile_script = mailserver.filters.sieve.compile

    def slow(source: bytes, *, limits: mailserver.filters.sieve.Limits) -> mailserver.filters.sieve.Script:
        begun.release()
        assert go_on.acquire(timeout=PATIENCE)
        return compile_script(source, limits=limits)

    monkeypatch.setattr(mailserver.filters.sieve, "compile", slow)
    clients = [Client(sieve) for _ in range(2)]
    for client in clients:
        client.greeting()
        client.log_in("ada")
        client.send(b'CHECKSCRIPT "keep;"\r\nNOOP\r\n')
    assert begun.acquire(timeout=PATIENCE)
    last = Client(sieve)
    last.greeting()
    last.log_in("bob")
    assert not begun.acquire(blocking=False)
    go_on.release(len(clients))
    for client in clients:
        assert (client.line(), client.line()) == ('OK "Script is right"', 'OK "Done"')
        client.close()
    last.close()


def test_a_script_of_who_is_thrown_out_while_it_is_read_is_not_kept(
    sieve: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief's script that was read while the account was taken back was kept behind that, and put to use."""
    account = sieve.run(sieve.add("Volee")).account_id
    compile_script = mailserver.filters.sieve.compile

    def taken_back(source: bytes, *, limits: mailserver.filters.sieve.Limits) -> mailserver.filters.sieve.Script:
        sieve.store.write_now(accounts.end_logins, account)
        return compile_script(source, limits=limits)

    client = Client(sieve)
    client.greeting()
    client.log_in("volee")
    monkeypatch.setattr(mailserver.filters.sieve, "compile", taken_back)
    client.send(b'PUTSCRIPT "vol" "discard;"\r\n')
    assert client.line().startswith("NO ")
    assert sieve.read(filters.listing, account) == []
    client.send(b"NOOP\r\nLISTSCRIPTS\r\n")
    assert client.line() == 'OK "Done"'
    assert client.line().startswith("BYE ")
    client.close()


def test_the_last_versions_are_kept(sieve: House) -> None:
    scripts = Scripts(settings=sieve.settings, store=sieve.store)
    account = sieve.people["ada"].account_id
    for number in range(KEPT + 5):
        sieve.run(scripts.put(account, "x", b"# %d\r\nkeep;" % number, ORIGIN))
    sieve.run(scripts.put(account, "x", b"# 14\r\nkeep;", ORIGIN))
    kept = sieve.run(scripts.versions(account, "x"))
    assert [one.octets for one in kept] == [b"# %d\r\nkeep;" % number for number in range(KEPT + 4, 4, -1)]
    other = sieve.people["bob"].account_id
    assert sieve.read(filters.listing, other) == []


# ---------------------------------------------------------------------- a real client


@pytest.mark.needs("sieve-connect")
def test_sieve_connect(sieve: House, tmp_path: Path) -> None:
    def run(*commands: str) -> str:
        words = ["sieve-connect", "--server", "127.0.0.1", "--port", str(sieve.ports["sieve"]), "--user", "ada"]
        done = subprocess.run(
            [*words, "--passwordfd", "0", "--notlsverify", *commands],
            input=PASSWORD,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    (tmp_path / "sorties.sieve").write_bytes('require "fileinto";\r\nfileinto "Été";\r\n'.encode())
    run("--localsieve", "sorties.sieve", "--remotesieve", "sorties", "--upload")
    run("--remotesieve", "sorties", "--activate")
    assert "sorties" in run("--list")
    run("--remotesieve", "sorties", "--localsieve", "back.sieve", "--download")
    assert (tmp_path / "back.sieve").read_bytes() == (tmp_path / "sorties.sieve").read_bytes()
    run("--deactivate")
    run("--remotesieve", "sorties", "--delete")
    assert "sorties" not in run("--list")
