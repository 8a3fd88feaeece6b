"""Every refusal has its response code (RFC 5530), wherever it comes from."""

import pytest

from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Principal
from mailserver.store.engine.transactions import Store
from mailserver.store.mail.flags import MAX_KEYWORDS
from tests.imap.world import Client, World, play

MESSAGE = b"Subject: x\r\n\r\n" + b"y" * 986 + b"\r\n"


async def refused(client: Client, command: str, *, literal: bytes | None = None) -> str:
    *_, last = await client.command(command, literal=literal)
    assert last.startswith("NO "), last
    return last.split("]")[0].removeprefix("NO [")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused(Reason.AUTHENTICATION), "AUTHENTICATIONFAILED"),
        (Refused(Reason.SUSPENDED, "Compte suspendu"), "CONTACTADMIN"),
        (Refused(Reason.NOT_ACTIVATED), "CONTACTADMIN"),
        (Refused(Reason.CLOSED), "CONTACTADMIN"),
        (Refused(Reason.PASSWORD_EXPIRED), "EXPIRED"),
        (Refused(Reason.THROTTLED), "UNAVAILABLE"),
        (Temporary("The directory is out of reach"), "UNAVAILABLE"),
        (RuntimeError("secret"), "SERVERBUG"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value),
)
def test_logins_refused(sqlite_store: Store, error: Exception, code: str) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:

            async def login(login: str, secret: Secret, peer: str, service: str) -> Principal:
                raise error

            world.keeper.login = login  # type: ignore[method-assign]
            client = await world.client().greeting()
            assert await refused(client, "LOGIN edupont x") == code
            await client.ok("NOOP")

    play(scene)


def test_over_quota(store: Store) -> None:
    """APPEND (all of its messages or none) and COPY; what was there stays."""

    async def scene() -> None:
        async with World(store) as world:
            await world.people("edupont", quota=3500)
            client = await world.session(mailbox="INBOX")
            for _ in range(2):
                await client.ok("APPEND INBOX", literal=MESSAGE)
            batch = b"{%d+}\r\n%s {%d+}\r\n%s" % (len(MESSAGE), MESSAGE, len(MESSAGE), MESSAGE)
            *_, last = await client.command(b"APPEND INBOX " + batch)
            assert last.startswith("NO [OVERQUOTA]")
            assert await refused(client, "COPY 1:2 Trash") == "OVERQUOTA"
            assert await client.ok("STATUS Trash (MESSAGES)") == ["* STATUS Trash (MESSAGES 0)"]
            await client.ok("COPY 1 Trash")
            assert await refused(client, "APPEND INBOX", literal=MESSAGE) == "OVERQUOTA"
            await client.ok("MOVE 2 Trash")
            assert await client.ok("STATUS Trash (MESSAGES SIZE)") == ["* STATUS Trash (MESSAGES 2 SIZE 2004)"]

    play(scene)


def test_too_many_keywords(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            await client.ok("APPEND INBOX", literal=MESSAGE)
            names = [f"k{number}" for number in range(MAX_KEYWORDS)]
            await client.ok(f"STORE 1 +FLAGS.SILENT ({' '.join(names)})")
            assert await refused(client, "STORE 1 +FLAGS (one-more)") == "LIMIT"
            assert await refused(client, "APPEND INBOX (one-more)", literal=MESSAGE) == "LIMIT"
            said = await client.ok("SELECT INBOX")
            assert not any("PERMANENTFLAGS" in line and "\\*" in line for line in said)
            await client.ok("STORE 1 FLAGS (k1 \\Seen)")

    play(scene)


def test_a_store_out_of_reach(sqlite_store: Store) -> None:
    """The client is told to come back; the session goes on."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            await client.ok("APPEND INBOX", literal=MESSAGE)

            async def unreachable(*arguments: object, **options: object) -> None:
                raise Temporary("The database is out of reach")

            def unreachable_now(*arguments: object, **options: object) -> None:
                raise Temporary("The database is out of reach")

            with pytest.MonkeyPatch.context() as cut:
                for name in ("begin", "begin_together"):
                    cut.setattr(world.store, name, unreachable_now)
                assert await refused(client, "STORE 1 +FLAGS (\\Seen)") == "UNAVAILABLE"
                assert await refused(client, "APPEND INBOX", literal=MESSAGE) == "UNAVAILABLE"
                for name in ("read", "read_inline", "read_apart", "read_brief", "read_together"):
                    cut.setattr(world.store, name, unreachable)
                for name in ("read_inline_now", "read_apart_now"):
                    cut.setattr(world.store, name, unreachable_now)
                assert await refused(client, "FETCH 1 ENVELOPE") == "UNAVAILABLE"
                assert await client.ok("FETCH 1 UID") == ["* 1 FETCH (UID 1)"]
            await client.ok("STORE 1 +FLAGS (\\Seen)")

    play(scene)
