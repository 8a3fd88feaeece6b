"""What was taken back is out of reach by the doors that look at somebody else's mail, or at all of one's own."""

import pytest

from mailserver.store.engine.transactions import Store
from mailserver.store.mail import mailboxes, messages
from tests.accounts.test_data_export import packed
from tests.background.conftest import House
from tests.imap.test_sharing import NAME, office
from tests.imap.world import World
from tests.outbound.withdrawal.mail import IT, SUBJECT, letter, put, take, withdrawals
from tests.outbound.withdrawal.test_refused import content_of, service_of


@pytest.mark.parametrize("door", ["shared", "function"])
async def test_mailboxes_of_others(store: Store, door: str) -> None:
    async with World(store) as world:
        box = await office(world)
        emma, owner = world.accounts["edupont"], world.accounts["mmartin"] if door == "shared" else box
        keeper = await world.session("mmartin")
        if door == "shared":
            await keeper.ok("SETACL INBOX edupont lrs")
        name = "Partag&AOk-s/mmartin/INBOX" if door == "shared" else NAME
        await store.write(put, store.blobs, letter(body="Bonjour", message_id="<autre@x>", subject="Sortie"), [owner])
        content = await store.write(put, store.blobs, letter(), [owner])
        idle, other = await world.session("edupont", name), await world.session("edupont", name)
        assert "* SEARCH 2" in await other.ok("UID SEARCH SUBJECT expire")
        idle.send(b"i IDLE\r\n")
        await idle.until(b"+ idling\r\n")
        await take(withdrawals(store), content)
        assert await idle.line() == b"* 2 EXPUNGE"
        said = await other.command("UID COPY 2 INBOX")
        assert "COPYUID" not in "".join(said)
        assert await store.read(messages.state, (await store.read(mailboxes.get, emma, "INBOX")).id) == []
        while "* 2 EXPUNGE" not in said:
            said += await other.ok("NOOP")
        assert await other.ok("UID FETCH 1:* (UID)") == ["* 1 FETCH (UID 1)"]
        assert await other.ok("UID SEARCH SUBJECT expire") == ["* SEARCH"]
        assert await keeper.ok(f"STATUS {'INBOX' if door == 'shared' else NAME} (MESSAGES)") == [
            f"* STATUS {'INBOX' if door == 'shared' else NAME} (MESSAGES 1)"
        ]


async def test_what_a_person_takes_along(house: House) -> None:
    emma = await house.person()
    await house.deliver(emma.address, letter())
    content = await house.store.read(content_of, emma.account_id)
    await house.deliver(emma.address, letter(body="Bonjour", message_id="<autre@x>", subject="Sortie", sender="a@b.fr"))
    service = service_of(house)
    assert await exported(house) == (True, True)
    number = await take(service, content)
    assert await exported(house) == (False, True)
    await service.undo(number, IT)
    await service.work(number)
    assert await exported(house) == (True, True)


async def exported(house: House) -> tuple[bool, bool]:
    """Whether anything in the file that `account export` writes has the two messages."""
    with await packed(house) as file:
        octets = b"".join(file.read(name) for name in file.namelist())
    return SUBJECT.encode() in octets, b"Sortie" in octets
