"""Limits of annotations, values with NUL, and who may set what the server says."""

from dataclasses import replace

import pytest

from mailserver.model.identity import Role
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import annotation_octets
from mailserver.store.mail.access.annotations import MAX_ENTRIES, MAX_VALUE
from tests.imap.world import World, play


def test_limits_are_told_and_nothing_is_half_set(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people("edupont")
            one = await world.session("edupont")
            value = b"x" * (MAX_VALUE + 1)
            said = await one.command(
                b'SETMETADATA INBOX (/private/small "y" /private/large {%d+}\r\n%s)' % (len(value), value)
            )
            assert said == [f"NO [METADATA MAXSIZE {MAX_VALUE}] Value too large"]
            for sign in (b"", b"+"):  # more than any literal may have, sent in vain or not at all
                announced = b"SETMETADATA INBOX (/private/large {200000%b}" % sign
                sent = b"\r\n" + b"x" * 200_000 + b")" if sign else b""
                (refused,) = await one.command(announced + sent)
                assert refused.startswith(f"NO [METADATA MAXSIZE {MAX_VALUE}] ")
            assert await one.ok("GETMETADATA INBOX /private/small") == ["* METADATA INBOX (/private/small NIL)"]
            for number in range(MAX_ENTRIES):
                await one.ok(f'SETMETADATA INBOX (/private/key{number} "x")')
            said = await one.command('SETMETADATA INBOX (/private/key0 "changed" /private/another "x")')
            assert said == ["NO [METADATA TOOMANY] Too many entries"]
            assert await one.ok("GETMETADATA INBOX /private/key0") == ['* METADATA INBOX (/private/key0 "x")']
            await one.ok('SETMETADATA INBOX (/private/key0 "changed")')
            await one.ok('SETMETADATA INBOX (/private/key0 NIL /private/another "x")')
            for number in range(MAX_ENTRIES * 3):  # traces of removed entries are bounded, too
                await one.ok(f'SETMETADATA Sent (/private/old{number} "x")')
                await one.ok(f"SETMETADATA Sent (/private/old{number} NIL)")

    play(scene)


def test_all_entries_together_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five thousand mailboxes with a megabyte each would be read at once by LIST."""
    monkeypatch.setattr(annotation_octets, "MAX_OCTETS", 25_000)

    async def scene() -> None:
        async with World(store) as world:
            await world.people("edupont", "mmartin")
            one, other = await world.session("edupont"), await world.session("mmartin")
            value = "x" * 10_000
            for where in ("private", "shared"):
                await one.ok(f'SETMETADATA INBOX (/{where}/a "{value}")'.encode())
                await one.ok(f'SETMETADATA Sent (/{where}/a "{value}")'.encode())
                for place in ("INBOX", "Sent", "Trash"):
                    said = await one.command(f'SETMETADATA {place} (/{where}/b "{value}")'.encode())
                    assert said == ["NO [METADATA TOOMANY] Too much in all entries together"]
                await one.ok(f'SETMETADATA Sent (/{where}/a "{value}")'.encode())  # in place of what was there
                await other.ok(f'SETMETADATA INBOX (/{where}/a "{value}")'.encode())

    play(scene)


def test_renaming_inbox_copies_no_more_than_may_be(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """INBOX keeps its annotations: each new name had all of them once more, a megabyte each, without a bound."""
    monkeypatch.setattr(annotation_octets, "MAX_OCTETS", 25_000)

    async def scene() -> None:
        async with World(store) as world:
            await world.people("edupont")
            one = await world.session("edupont")
            await one.ok(f'SETMETADATA INBOX (/private/a "{"x" * 10_000}")'.encode())
            await one.ok("RENAME INBOX Avant")
            assert await one.ok("GETMETADATA Avant /private/a") != ["* METADATA Avant (/private/a NIL)"]
            assert await one.command("RENAME INBOX Encore") == ["NO [LIMIT] Too much in all annotations together"]
            assert await one.ok('LIST "" Encore') == []
            await one.ok("DELETE Avant")
            await one.ok("RENAME INBOX Encore")

    play(scene)


def test_values_with_nul_are_literal8(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people("edupont")
            one = await world.session("edupont")
            await one.ok(b"SETMETADATA INBOX (/private/raw ~{3+}\r\na\0b)")
            one.send(b"r GETMETADATA INBOX /private/raw\r\n")
            assert (
                await one.until(b"r OK GETMETADATA completed\r\n")
                == b"* METADATA INBOX (/private/raw ~{3}\r\na\0b)\r\n"
            )
            assert (await one.command(b"SETMETADATA INBOX (/private/raw {3+}\r\na\0b)"))[-1].startswith("BAD")

    play(scene)


def test_the_administration_speaks_for_the_server(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people("admin", "edupont")
            world.keeper.people["admin"] = replace(world.keeper.people["admin"], role=Role.ADMIN)
            admin, one = await world.session("admin"), await world.session("edupont")
            await one.ok("ENABLE METADATA")
            await admin.ok('SETMETADATA "" (/shared/comment "Maintenance lundi")')
            assert await one.ok("NOOP") == ['* METADATA "" /shared/comment']
            refused = await admin.command('SETMETADATA "" (/shared/admin "mailto:dsi@ac-exemple.fr")')
            assert refused == ["NO [NOPERM] This entry is read-only"]
            assert await one.ok('GETMETADATA "" /shared/comment') == [
                '* METADATA "" (/shared/comment "Maintenance lundi")'
            ]

    play(scene)
