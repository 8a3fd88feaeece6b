"""Mailboxes of others in open sessions: functional boxes, groups, and what happens when access ends."""

import asyncio

import pytest
from sqlalchemy import insert

from imap.session.account_check import PAUSE
from mailserver.model.identity import Role, Roster
from mailserver.policy import viewers
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import access, blobs, mailboxes, messages
from mailserver.store.mail.access import boxes
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.people.entries import claim
from tests.imap.world import Client, World, enrol, play

BOX = "ce.0210006t@ac-exemple.fr"
NAME = "Fonctions/ce.0210006t/INBOX"
GROUP = "enseignants.0219801p@ac-exemple.fr"
FELT = 5.0
"""Seconds within which a lost right is felt in open sessions."""


def make_box(tx: Tx, holders: dict[str, tuple[int, str]]) -> int:
    lists.create(tx, BOX, "Secrétariat", "", {"kind": "function"})
    for login, (account_id, words) in holders.items():
        address = f"{login}@ac-exemple.fr"
        tx.execute(insert(claim).values(name=address, account_id=account_id, live=1, since=tx.now))
        lists.add_members(tx, BOX, [address])
        lists.set_rights(tx, BOX, {address: words})
    return boxes.ensure(tx, BOX)


def deliver(tx: Tx, owner: int, prepared: blobs.Prepared) -> None:
    messages.append(tx, owner, mailboxes.get(tx, owner, "INBOX").id, prepared)


async def office(world: World) -> int:
    """A secretariat: edupont writes in it, mmartin manages it."""
    await world.people()
    holders = {"edupont": "read write send", "mmartin": "manage"}
    return await world.store.write(
        make_box, {login: (world.accounts[login], words) for login, words in holders.items()}
    )


async def letter(world: World, owner: int) -> None:
    prepared = blobs.prepare(b"From: parent@ailleurs.fr\r\nSubject: absence\r\n\r\nx\r\n", world.store.blobs)
    await world.store.write(deliver, owner, prepared)


async def until_bye(client: Client) -> str:
    """What a session hears last, and not later than it must."""
    assert PAUSE < FELT, "how often it is asked for"
    return (await client.closed()).decode()


def test_two_holders_work_in_one_box(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            owner = await office(world)
            one, two = await world.session("edupont", NAME), await world.session("mmartin", NAME)
            two.send(b"i1 IDLE\r\n")
            assert await two.line() == b"+ idling"
            await letter(world, owner)
            assert await two.line() == b"* 1 EXISTS"
            assert await two.line() == b"* 1 RECENT"
            assert "* 1 EXISTS" in await one.ok("NOOP")
            await one.ok("STORE 1 +FLAGS (\\Seen $Traite)")
            assert await two.line() == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Traite)"
            assert (await two.line()).startswith(b"* 1 FETCH (FLAGS (\\Seen $Traite")
            two.send(b"DONE\r\n")
            assert (await two.line()).startswith(b"i1 OK")
            assert (await one.command("CREATE Fonctions/ce.0210006t/Inscriptions"))[-1].startswith("NO [NOPERM]")
            await two.ok("CREATE Fonctions/ce.0210006t/Inscriptions")
            await one.ok("MOVE 1 Fonctions/ce.0210006t/Inscriptions")
            assert await two.ok("NOOP") == ["* 1 EXPUNGE", "* 0 RECENT"]
            found = [(act.actor_id, act.act) for act in await store.read(access.acts, owner, 10)]
            edupont, mmartin = world.accounts["edupont"], world.accounts["mmartin"]
            assert found == [
                (edupont, "copy in"),
                (edupont, "move out"),
                (mmartin, "create"),
                (edupont, "flags"),
            ]

    play(scene)


def test_who_no_longer_holds_a_box_is_out_within_seconds(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            owner = await office(world)
            await letter(world, owner)
            idle, silent = await world.session("edupont", NAME), await world.session("edupont", NAME)
            other, keeper = await world.session("edupont"), await world.session("mmartin", NAME)
            idle.send(b"i1 IDLE\r\n")
            assert await idle.line() == b"+ idling"
            await store.write(lists.remove_members, BOX, ["edupont@ac-exemple.fr"])
            said = await asyncio.gather(until_bye(idle), until_bye(silent))
            assert all("* BYE Your access to the selected mailbox has ended" in one for one in said)
            assert (await other.command(f"SELECT {NAME}"))[-1].startswith("NO [NONEXISTENT]")
            assert await other.ok('LIST "" Fonctions*') == []
            assert await keeper.ok("FETCH 1 UID") == ["* 1 FETCH (UID 1)"], "who still holds it stays"

    play(scene)


def test_move_takes_the_right_to_expunge(store: Store) -> None:
    """RFC 6851 section 3.3: whoever may flag \\Deleted, and not expunge, takes nothing away."""

    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            owner = world.accounts["mmartin"]
            await letter(world, owner)
            keeper = await world.session("mmartin")
            await keeper.ok("SETACL INBOX edupont lrswit")
            one = await world.session("edupont", "Partag&AOk-s/mmartin/INBOX")
            await one.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            for command in ("MOVE 1 Archive", "UID MOVE 1 Archive", "UID EXPUNGE 1", "EXPUNGE"):
                assert (await one.command(command))[-1].startswith("NO [NOPERM]"), command
            assert (await store.read(mailboxes.get, owner, "INBOX")).messages == 1
            assert (await store.read(mailboxes.get, world.accounts["edupont"], "Archive")).messages == 0
            await keeper.ok("SETACL INBOX edupont +e")
            await one.ok("MOVE 1 Archive")
            assert (await store.read(mailboxes.get, owner, "INBOX")).messages == 0

    play(scene)


def test_what_is_written_is_judged_when_it_is_written(store: Store) -> None:
    """A right that went a moment ago is gone, however recently the session looked."""

    async def scene() -> None:
        async with World(store) as world:
            owner = await office(world)
            await letter(world, owner)
            one = await world.session("edupont", NAME)
            await store.write(lists.set_rights, BOX, {"edupont@ac-exemple.fr": "read"})
            assert (await one.command("STORE 1 +FLAGS (\\Deleted)"))[-1].startswith("NO")
            assert (await one.command("EXPUNGE"))[-1].startswith(("NO", "OK"))
            assert (await one.command(f"COPY 1 {NAME}"))[-1].startswith("NO [NOPERM]")
            assert (await store.read(mailboxes.get, owner, "INBOX")).messages == 1

    play(scene)


def test_groups_are_lists_of_the_directory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            mmartin = world.accounts["mmartin"]
            world.keeper.lists[GROUP] = [Roster(GROUP, "Enseignants", accounts=(mmartin,))]
            await store.write(enrol, world.accounts["edupont"], Role.STAFF)
            owner = await world.session("edupont", "INBOX")
            await owner.ok("SETACL INBOX $enseignants.0219801p lr")
            assert f"* ACL INBOX edupont lrswipkxteacd ${GROUP} lr" in await owner.ok("GETACL INBOX")
            member = await world.session("mmartin", "Partag&AOk-s/edupont/INBOX")
            assert await member.ok("MYRIGHTS Partag&AOk-s/edupont/INBOX") == [
                "* MYRIGHTS Partag&AOk-s/edupont/INBOX lr"
            ]
            world.keeper.lists[GROUP] = [Roster(GROUP, "Enseignants")]
            monotonic = store.clock.monotonic
            monkeypatch.setattr(store.clock, "monotonic", lambda: monotonic() + viewers.BELIEVED)
            await store.write(lambda tx: tx.changed(DIRECTORY, 0))
            assert "has ended" in await until_bye(member)

    play(scene)


def test_other_peoples_special_folders_are_not_ones_own(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await office(world)
            one = await world.session("edupont")
            assert await one.ok('LIST "" */Sent') == ['* LIST (\\HasNoChildren) "/" Fonctions/ce.0210006t/Sent']
            assert await one.ok("NAMESPACE") == ['* NAMESPACE (("" "/")) (("Partag&AOk-s/" "/")) (("Fonctions/" "/"))']

    play(scene)
