"""The rules between populations bind lists of rights: when rights are given, and whenever a mailbox is reached."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from sqlalchemy import insert

from mailserver.model.identity import Role, Roster
from mailserver.model.rules import PRESETS
from mailserver.store.account import rules
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail.access import reaching
from mailserver.store.record.audit import Origin
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import mailbox_right
from tests.imap.world import Client, World, enrol, play

GROUP = "enseignants.0219801p@ac-exemple.fr"
SHARED = "Partag&AOk-s"
ROLES = {
    "lpetit": Role.PUPIL,
    "nkaci": Role.PUPIL,
    "edupont": Role.TEACHER,
    "mmartin": Role.TEACHER,
    "rleroy": Role.SECRETARIAT,
    "admin": Role.ADMIN,
}


async def populate(world: World) -> None:
    await world.people(*ROLES)
    for login, role in ROLES.items():
        await world.store.write(enrol, world.accounts[login], role)
        world.keeper.people[login] = replace(world.keeper.people[login], role=role)


async def set_preset(world: World, name: str) -> None:
    await world.store.write(rules.set_table, Origin("admin", "cli"), name, PRESETS[name])


def give(tx: Tx, owner: int, identifiers: Iterable[str], rights: str = "lr", name: str = "INBOX") -> None:
    """Entries as an earlier version let anybody make them."""
    box = tx.execute(mailbox.select().where(mailbox.c.account_id == owner, mailbox.c.name == name)).one()
    rows = [
        {"mailbox_id": box.id, "identifier": identifier, "negative": 0, "rights": rights} for identifier in identifiers
    ]
    tx.execute(insert(mailbox_right), rows)


async def refused(client: Client, text: str) -> str:
    last = (await client.command(text))[-1]
    assert last.startswith("NO [NOPERM]"), (text, last)
    return last


def test_what_the_table_forbids_is_not_given(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await populate(world)
            await set_preset(world, "pupils-supervised")
            pupil = await world.session("lpetit")
            for rights in ("lr", "+lr", "+i", "lrswipkxtea"):
                said = await refused(pupil, f"SETACL INBOX nkaci {rights}")
            assert said == "NO [NOPERM] Pupils may not share this way with pupils."
            await pupil.ok("SETACL INBOX nkaci -lr")
            await pupil.ok("SETACL INBOX -nkaci lr")
            await pupil.ok("DELETEACL INBOX nkaci")
            assert await pupil.ok("LISTRIGHTS INBOX nkaci") == ['* LISTRIGHTS INBOX nkaci ""']
            assert await pupil.ok("LISTRIGHTS INBOX edupont") == [
                '* LISTRIGHTS INBOX edupont "" l r s w i p k x t e a c d'
            ]
            await pupil.ok("SETACL INBOX edupont lrswipkxtea")
            teacher = await world.session("edupont")
            await refused(teacher, f"SETACL {SHARED}/lpetit/INBOX nkaci lr")
            await teacher.ok("SETACL INBOX nkaci lr")

    play(scene)


def test_one_way_lets_a_reader_read_and_change_nothing(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await populate(world)
            origin = Origin("admin", "cli")
            teachers, pupils = Role.TEACHER.population, Role.PUPIL.population
            await store.write(rules.forbid, origin, pupils, teachers, denied=True)
            teacher = await world.session("edupont")
            await refused(teacher, "SETACL INBOX lpetit lri")
            await refused(teacher, "SETACL INBOX lpetit +s")
            await teacher.ok("SETACL INBOX lpetit lr")
            assert await teacher.ok("LISTRIGHTS INBOX lpetit") == ['* LISTRIGHTS INBOX lpetit "" l r']
            pupil = await world.session("lpetit")
            assert await pupil.ok(f"MYRIGHTS {SHARED}/edupont/INBOX") == [f"* MYRIGHTS {SHARED}/edupont/INBOX lr"]
            await refused(pupil, "SETACL INBOX edupont lr")

    play(scene)


def test_older_entries_follow_a_later_table(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await populate(world)
            owner, reader = await world.session("lpetit"), await world.session("nkaci")
            await owner.ok("SETACL INBOX nkaci lrswi")
            name = f"{SHARED}/lpetit/INBOX"
            await reader.ok("APPEND " + name, literal=b"Subject: x\r\n\r\nx\r\n")
            await set_preset(world, "pupils-supervised")
            assert (await reader.command("APPEND " + name, literal=b"Subject: y\r\n\r\ny\r\n"))[-1].startswith("NO")
            assert (await reader.command(f"SELECT {name}"))[-1].startswith("NO [NONEXISTENT]")
            assert (await reader.command(f"GETMETADATA {name} /shared/comment"))[-1].startswith("NO")
            assert await reader.ok(f'LIST "" {SHARED}*') == []
            await set_preset(world, "open")
            await reader.ok(f"SELECT {name}")

    play(scene)


def test_what_is_taken_away_from_a_group_is_gone_or_refused(store: Store) -> None:
    """Nobody believes that they keep a group out while its members read on."""

    async def scene() -> None:
        async with World(store) as world:
            await populate(world)
            world.keeper.lists[GROUP] = [Roster(GROUP, "Enseignants", accounts=(world.accounts["edupont"],))]
            for login in ("mmartin", "rleroy"):
                owner = await world.session(login)
                await owner.ok("SETACL INBOX edupont lr")
                taken = (await owner.command(f"SETACL INBOX -${GROUP} r"))[-1].startswith("OK")
                reader = await world.session("edupont")
                name = f"{SHARED}/{login}/INBOX"
                assert await reader.ok(f"MYRIGHTS {name}") == [f"* MYRIGHTS {name} {'l' if taken else 'lr'}"]
                assert taken is (login == "rleroy")

    play(scene)


@pytest.mark.parametrize("identifier", ["anyone", f"${GROUP}"])
def test_everybody_and_groups_are_the_administrations_to_let_in(store: Store, identifier: str) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await populate(world)
            world.keeper.lists[GROUP] = [Roster(GROUP, "Enseignants", accounts=(world.accounts["edupont"],))]
            for login in ("lpetit", "mmartin"):
                giver = await world.session(login)
                await refused(giver, f"SETACL INBOX {identifier} lr")
                await refused(giver, f"SETACL INBOX {identifier} +l")
                said = (await giver.command(f"SETACL INBOX {GROUP} lr"))[-1]
                assert said == "NO [CANNOT] No such person; a list has a $ before its address"
                if identifier == "anyone":
                    await giver.ok(f"SETACL INBOX -{identifier} lr")
                else:
                    await refused(giver, f"SETACL INBOX -{identifier} lr")
                    await giver.ok(f"SETACL INBOX -{identifier} -lr")
                assert await giver.ok(f"LISTRIGHTS INBOX {identifier}") == [f'* LISTRIGHTS INBOX {identifier} ""']
                await store.write(give, world.accounts[login], [identifier], "lr", "Archive")
            await store.write(lambda tx: tx.changed(DIRECTORY, 0))
            reader = await world.session("edupont")
            assert await reader.ok(f'LIST "" {SHARED}*') == [], "what was given before does not count either"
            office = await world.session("rleroy")
            await office.ok(f"SETACL INBOX {identifier} lr")
            assert await reader.ok(f'LIST "" {SHARED}/*/*') == [f'* LIST (\\HasNoChildren) "/" {SHARED}/rleroy/INBOX']
            await office.ok("SETACL Archive mmartin lrswipkxtea")
            manager = await world.session("mmartin")
            await refused(manager, f"SETACL {SHARED}/rleroy/Archive {identifier} lr")

    play(scene)


def test_nobody_fills_the_listing_of_somebody_else(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailserver.store.mail.access.acl.MAX_FROM_ONE", 4)
    monkeypatch.setattr(reaching, "MAX_FROM_ONE", 4)
    monkeypatch.setattr("mailserver.store.mail.access.acl.MAX_READERS", 3)

    async def scene() -> None:
        async with World(store) as world:
            await populate(world)
            one = await world.session("lpetit")
            for number in range(5):
                await one.ok(f"CREATE URGENT{number}")
            said = [(await one.command(f"SETACL URGENT{number} mmartin lr"))[-1] for number in range(5)]
            assert [line.startswith("OK") for line in said] == [True, True, True, True, False]
            assert said[-1].startswith("NO [LIMIT]")
            assert (await one.command("CREATE URGENT0/plus"))[-1].startswith("NO [LIMIT]"), "which would inherit them"
            await store.write(give, world.accounts["lpetit"], ["mmartin"], "lr", "URGENT4")
            reader = await world.session("mmartin")
            assert len(await reader.ok(f'LIST "" {SHARED}/lpetit/*')) == 4
            await one.ok("SETACL INBOX rleroy lr")
            await one.ok("SETACL INBOX admin lr")
            assert (await one.command("SETACL INBOX edupont lr"))[-1].startswith("NO [LIMIT]"), "a fourth reader"

    play(scene)
