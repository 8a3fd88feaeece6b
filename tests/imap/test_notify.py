"""NOTIFY beyond its dialogue: mailboxes of others, overflow, accounts that are shut, modes of the session."""

import pytest

from imap.session import notify
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, mailboxes, messages
from tests.imap.test_sharing import letter, office
from tests.imap.world import Client, World, play

MAIL = b"Subject: x\r\n\r\ny\r\n"


async def line(client: Client) -> bytes:
    """The next line that is not about \\Recent: who claims that is a race of the sessions."""
    while (said := await client.line()).endswith(b" RECENT"):
        pass
    return said


def make_many(tx: Tx, account_id: int, count: int) -> None:
    for number in range(count):
        mailboxes.create(tx, account_id, f"n{number}")


def test_mailboxes_of_others_are_told_of(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            owner = await office(world)
            one = await world.session("edupont")
            await one.ok("NOTIFY SET (subtree Fonctions (MessageNew MessageExpunge MailboxName))")
            await letter(world, owner)
            assert await one.line() == b"* STATUS Fonctions/ce.0210006t/INBOX (MESSAGES 1 UIDNEXT 2 UNSEEN 1)"
            two = await world.session("mmartin")
            await two.ok("CREATE Fonctions/ce.0210006t/Inscriptions")
            assert await one.line() == b'* LIST (\\HasNoChildren) "/" Fonctions/ce.0210006t/Inscriptions'
            assert await one.line() == b'* LIST (\\NonExistent \\HasChildren) "/" Fonctions/ce.0210006t'
            await two.ok("SETACL INBOX edupont lr")
            await one.ok('NOTIFY SET (subtree "Partag&AOk-s" (MailboxName)) (selected (MessageNew MessageExpunge))')
            await two.ok("DELETEACL INBOX edupont")
            assert await one.line() == b'* LIST (\\NonExistent \\NoAccess) "/" Partag&AOk-s/mmartin/INBOX'
            assert await one.line() == b'* LIST (\\NonExistent) "/" Partag&AOk-s/mmartin'
            await two.ok("SETACL INBOX edupont lr")
            assert await one.line() == b'* LIST (\\HasNoChildren) "/" Partag&AOk-s/mmartin/INBOX', "nothing in between"

    play(scene)


def test_too_much_at_once_is_an_overflow(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "MAX_LINES", 10)

    async def scene() -> None:
        async with World(store) as world:
            await world.people("edupont")
            one = await world.session("edupont", "INBOX")
            await one.ok("NOTIFY SET (personal (MailboxName))")
            await store.write(make_many, world.accounts["edupont"], 11)
            assert (await one.line()).startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
            two = await world.session("edupont")
            await two.ok("APPEND INBOX", literal=MAIL)
            assert await one.ok("NOOP") == [], "as after NOTIFY NONE"

    play(scene)


def test_a_shut_account_is_told_goodbye_while_it_is_notified(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people("edupont")
            one = await world.session("edupont", "INBOX")
            await one.ok("NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MailboxName))")
            await store.write(accounts.suspend, world.accounts["edupont"], "x", False)
            assert b"* BYE" in await one.closed()

    play(scene)


def test_by_uid_only_and_with_mod_sequences(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people("edupont")
            one = await world.session("edupont")
            await one.ok("ENABLE UIDONLY QRESYNC")
            await one.ok("SELECT INBOX")
            await one.ok(
                "NOTIFY SET (selected (MessageNew (UID FLAGS MODSEQ) MessageExpunge FlagChange)) "
                "(personal (MessageNew MessageExpunge FlagChange))"
            )
            two = await world.session("edupont", "INBOX")
            await two.ok("APPEND INBOX (\\Seen)", literal=MAIL)
            assert await line(one) == b"* 1 EXISTS"
            told = await line(one)
            assert told.startswith(b"* 1 UIDFETCH (UID 1 FLAGS (\\Seen")
            assert b"MODSEQ (" in told
            await two.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            assert (await line(one)).startswith(b"* 1 UIDFETCH (FLAGS (")
            await two.ok("EXPUNGE")
            assert await line(one) == b"* VANISHED 1"
            await two.ok("APPEND Sent", literal=MAIL)
            assert (await line(one)).startswith(b"* STATUS Sent (MESSAGES 1 UIDNEXT 2 UNSEEN 1 HIGHESTMODSEQ ")

    play(scene)


def test_the_selected_mailbox_may_go_away(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people("edupont")
            one, two = await world.session("edupont"), await world.session("edupont")
            await two.ok("CREATE Projet")
            await one.ok("SELECT Projet")
            await one.ok("NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MailboxName))")
            await two.ok("DELETE Projet")
            assert b"* BYE The selected mailbox was deleted" in await one.closed()

    play(scene)


def test_messages_that_were_not_told_have_no_numbers_for_the_client(store: Store) -> None:
    """With another mailbox asked for, nothing is told of the selected one; once it is, its count comes first."""

    async def scene() -> None:
        async with World(store) as world:
            await world.people("edupont")
            one = await world.session("edupont", "INBOX")
            await one.ok("NOTIFY SET (mailboxes Sent (MessageNew MessageExpunge))")
            prepared = blobs.prepare(MAIL, world.settings.data / "blobs")
            inbox = await store.read(mailboxes.get, world.accounts["edupont"], "INBOX")
            await store.write(messages.append, world.accounts["edupont"], inbox.id, prepared)
            sent = await store.read(mailboxes.get, world.accounts["edupont"], "Sent")
            await store.write(messages.append, world.accounts["edupont"], sent.id, prepared)
            assert (await one.line()).startswith(b"* STATUS Sent (MESSAGES 1 "), "the first line, and the last"
            assert await one.ok("NOOP") == []
            assert (await one.ok("NOTIFY SET (selected (MessageNew MessageExpunge))"))[0] == "* 1 EXISTS"

    play(scene)
