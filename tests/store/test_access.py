"""Rights on mailboxes of others, in every unit that asks for them (RFC 4314)."""

import random

import pytest
from sqlalchemy import select, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import access, blobs, mailboxes, messages
from mailserver.store.mail.access import acl, boxes
from mailserver.store.mail.access.rights import parse, write
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT, FLAGGED, SEEN
from mailserver.store.mail.messages import NO_QUOTA, Quota
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.sharing import mailbox_right
from mailserver.store.schema.people.entries import claim
from tests.store.test_messages import fill, mail

ORIGIN = Origin("mmartin", "imap")
BOX = "ce.0210006t@ac-exemple.fr"


def viewer(account_id: int, login: str, *groups: str) -> access.Viewer:
    return access.Viewer.of(account_id, login, groups)


def grant(store: Store, owner: int, name: str, identifier: str, rights: str, *, negative: bool = False) -> None:
    store.write_now(
        access.change, viewer(owner, "mmartin"), name, identifier, "=", parse(rights), ORIGIN, negative=negative
    )


def refused(call: object, *args: object, **kwargs: object) -> Reason:
    with pytest.raises(Refused) as refusal:
        call(*args, **kwargs)  # type: ignore[operator]
    return refusal.value.reason


def test_rights_are_written_with_the_obsolete_ones_behind() -> None:
    assert write(parse("lrswipkxtea")) == "lrswipkxteacd"
    assert write(parse("d")) == "ted"
    assert write(parse("c")) == "kxc"
    assert write(parse("lr")) == "lr"


def test_nothing_is_there_for_whom_nothing_was_granted(store: Store, edupont: int, mmartin: int) -> None:
    me = viewer(edupont, "edupont")
    assert store.read_now(access.listing, me) == []
    for name in (
        "Partagés/mmartin/INBOX",
        "Partagés/mmartin",
        "Partagés",
        "Partagés/edupont/INBOX",
        "Fonctions/x/INBOX",
    ):
        assert refused(store.read_now, access.find, me, name) is Reason.NO_SUCH_MAILBOX
    box = store.read_now(mailboxes.get, mmartin, "INBOX")
    assert refused(store.read_now, access.require, me, box.id, "r") is Reason.NO_SUCH_MAILBOX


def test_what_is_granted_is_reached_and_no_more(store: Store, edupont: int, mmartin: int) -> None:
    me = viewer(edupont, "edupont")
    fill(store, mmartin, 3)
    grant(store, mmartin, "INBOX", "edupont", "lr")
    (reach,) = store.read_now(access.listing, me)
    assert (reach.name, reach.rights) == ("Partagés/mmartin/INBOX", frozenset("lr"))
    name, box = reach.name, reach.box
    assert refused(store.read_now, access.find, me, name, "i") is Reason.FORBIDDEN
    assert refused(store.write_now, access.store_flags, me, box.id, [1], "+", ["\\Seen"]) is Reason.FORBIDDEN
    assert refused(store.write_now, access.expunge, me, box.id) is Reason.FORBIDDEN
    assert refused(store.write_now, access.remove, me, name) is Reason.FORBIDDEN
    assert refused(store.write_now, access.create, me, f"{name}/neu") is Reason.FORBIDDEN
    assert refused(store.read_now, access.entries, me, name) is Reason.FORBIDDEN
    copied = store.write_now(access.copy, me, box.id, "Archive", [1, 3], NO_QUOTA, whole=True)
    assert copied.source_uids == [1, 3]
    assert store.read_now(mailboxes.get, edupont, "Archive").messages == 2
    assert refused(store.write_now, access.move, me, box.id, "Archive", [1], NO_QUOTA, whole=True) is Reason.FORBIDDEN


def test_flags_change_as_far_as_rights_go(store: Store, edupont: int, mmartin: int) -> None:
    me = viewer(edupont, "edupont")
    fill(store, mmartin, 2)
    box = store.read_now(mailboxes.get, mmartin, "INBOX")
    store.write_now(messages.store_flags, mmartin, box.id, [1], "=", ("\\Flagged", "\\Deleted"))
    grant(store, mmartin, "INBOX", "edupont", "lrs")
    done = store.write_now(access.store_flags, me, box.id, [1, 2], "=", ["\\Seen", "\\Answered"])
    assert [row[1] for row in done[1]] == [1 | 4 | 8, 1], "only \\Seen changes: \\Flagged and \\Deleted stay"
    grant(store, mmartin, "INBOX", "edupont", "lrw")
    store.write_now(access.store_flags, me, box.id, [1], "=", ["$Forwarded"])
    assert [row[1] for row in store.read_now(messages.state, box.id, [1])] == [1 | 8 | 32]
    assert refused(store.write_now, access.store_flags, me, box.id, [1], "-", ["\\Seen"]) is Reason.FORBIDDEN


def test_what_comes_in_has_only_permitted_flags_and_the_owners_quota(store: Store, edupont: int, mmartin: int) -> None:
    me = viewer(edupont, "edupont")
    grant(store, mmartin, "Archive", "edupont", "lis")
    prepared = blobs.prepare(mail(1), store.data / "blobs")
    batch = [(prepared, ("\\Seen", "\\Flagged", "$Work"), None)]
    name = "Partagés/mmartin/Archive"
    store.write_now(access.append, me, name, batch, NO_QUOTA)
    box = store.read_now(mailboxes.get, mmartin, "Archive")
    assert [row[1] for row in store.read_now(messages.state, box.id)] == [1]
    store.write_now(messages.set_message_quota, mmartin, 1)
    assert refused(store.write_now, access.append, me, name, batch, Quota(messages=50)) is Reason.OVER_QUOTA
    fill(store, edupont, 1)
    inbox = store.read_now(mailboxes.get, edupont, "INBOX")
    store.write_now(messages.store_flags, edupont, inbox.id, None, "=", ("\\Seen", "\\Flagged"))
    assert refused(store.write_now, access.move, me, inbox.id, name, [1], NO_QUOTA, whole=True) is Reason.OVER_QUOTA
    store.write_now(messages.set_message_quota, mmartin, 0)
    store.write_now(access.move, me, inbox.id, name, [1], NO_QUOTA, whole=True)
    assert [row[1] for row in store.read_now(messages.state, box.id)] == [1, 1]
    assert store.read_now(mailboxes.get, mmartin, "Archive").unseen == 0
    assert store.read_now(mailboxes.get, edupont, "INBOX").messages == 0


def test_what_comes_at_once_is_numbered_in_its_order_and_stored_once(store: Store, edupont: int) -> None:
    """A content that came before, one that stands there twice, and one large enough for a file."""
    me, folder = viewer(edupont, "edupont"), store.data / "blobs"
    fill(store, edupont, 1)
    octets = [mail(0), mail(1), mail(2, 400_000), mail(1), mail(2, 400_000)]
    octets[2] = octets[4] = octets[2] + random.Random(1).randbytes(300_000)
    flags: list[tuple[str, ...]] = [(), ("\\Seen",), ("Neu", "\\Flagged"), (), ("Neu",)]
    batch = [
        (blobs.prepare(one, folder), each, 1000 + at) for at, (one, each) in enumerate(zip(octets, flags, strict=True))
    ]
    before = store.read_now(mailboxes.get, edupont, "INBOX")
    appended, unused = store.write_now(access.append, me, "INBOX", batch, NO_QUOTA)
    assert [one.uid for one in appended] == [2, 3, 4, 5, 6]
    assert [one.modseq for one in appended] == list(range(before.modseq + 1, before.modseq + 6))
    ids = [one.content_id for one in appended]
    assert ids[1] == ids[3] != ids[0] != ids[2] == ids[4]
    assert unused == [batch[4][0].file]
    rows = store.read_now(
        messages.fetch_uids, edupont, before.id, ("uid", "flags", "internal_date", "size"), range(2, 7)
    )
    assert [row[1] for row in rows] == [0, SEEN, FLAGGED | 1 << FIRST_KEYWORD_BIT, 0, 1 << FIRST_KEYWORD_BIT]
    assert [row[2:4] for row in rows] == [(1000 + at, len(one)) for at, one in enumerate(octets)]
    after = store.read_now(mailboxes.get, edupont, "INBOX")
    assert (after.messages, after.unseen) == (before.messages + 5, before.unseen + 4)
    assert after.octets == before.octets + sum(map(len, octets))


def of_the_administration(tx: Tx, account_id: int) -> None:
    tx.execute(update(account).where(account.c.id == account_id).values(population="staff"))


def test_groups_and_negative_rights(store: Store, edupont: int, mmartin: int) -> None:
    group = "$enseignants.0219801p@ac-exemple.fr"
    store.write_now(of_the_administration, mmartin)
    grant(store, mmartin, "INBOX", group, "lrs")
    grant(store, mmartin, "INBOX", "edupont", "s", negative=True)
    grant(store, mmartin, "Archive", "anyone", "lr")
    assert store.read_now(access.groups) == [group]
    found = {reach.name: reach.rights for reach in store.read_now(access.listing, viewer(edupont, "edupont", group))}
    assert found == {"Partagés/mmartin/INBOX": frozenset("lr"), "Partagés/mmartin/Archive": frozenset("lr")}
    alone = store.read_now(access.listing, viewer(edupont, "edupont"))
    assert [reach.name for reach in alone] == ["Partagés/mmartin/Archive"]


def test_lists_of_rights(store: Store, edupont: int, mmartin: int) -> None:
    owner = viewer(mmartin, "mmartin")
    grant(store, mmartin, "INBOX", "edupont", "lra")
    store.write_now(access.change, owner, "INBOX", "edupont", "+", parse("s"), ORIGIN, negative=False)
    store.write_now(access.change, owner, "INBOX", "edupont", "-", parse("r"), ORIGIN, negative=False)
    assert store.read_now(access.entries, owner, "INBOX") == [
        ("mmartin", False, access.ALL),
        ("edupont", False, frozenset("lsa")),
    ]
    me, name = viewer(edupont, "edupont"), "Partagés/mmartin/INBOX"
    assert store.read_now(access.mine, me, name) == frozenset("lsa")
    assert store.read_now(access.always, me, name, "mmartin") == access.ALL
    assert store.read_now(access.always, me, name, "anyone") == frozenset()
    fails = (access.change, me, name, "mmartin", "=", parse("l"), ORIGIN)
    assert refused(store.write_now, *fails, negative=False) is Reason.CANNOT
    store.write_now(access.change, owner, "INBOX", "edupont", "=", parse(""), ORIGIN, negative=False)
    assert refused(store.read_now, access.mine, me, name) is Reason.NO_SUCH_MAILBOX
    history = store.read_now(audit.find, audit.Wanted(action=Action.RIGHTS_CHANGED), 10)
    assert [one.account_id for one in history] == [mmartin] * 4
    assert history[0].detail == "INBOX: edupont nothing"


def test_folders_of_others(store: Store, edupont: int, mmartin: int) -> None:
    me = viewer(edupont, "edupont")
    store.write_now(mailboxes.create, mmartin, "Projet")
    grant(store, mmartin, "Projet", "edupont", "lrkx")
    store.write_now(access.create, me, "Partagés/mmartin/Projet/2026/Bilan")
    reached = [reach.name for reach in store.read_now(access.listing, me)]
    assert reached == [f"Partagés/mmartin/{one}" for one in ("Projet", "Projet/2026", "Projet/2026/Bilan")]
    store.write_now(access.rename, me, reached[2], "Partagés/mmartin/Projet/Bilan")
    assert refused(store.write_now, access.rename, me, reached[1], "A moi") is Reason.CANNOT
    assert refused(store.write_now, access.rename, me, reached[1], "Partagés/mmartin/Ailleurs") is not None
    assert refused(store.write_now, access.create, me, "Partagés/mmartin/Ailleurs") is Reason.NO_SUCH_MAILBOX
    store.write_now(access.remove, me, "Partagés/mmartin/Projet/Bilan")
    store.write_now(access.subscribe, me, reached[0], True)
    assert reached[0] in store.read_now(mailboxes.subscriptions, edupont)
    assert refused(store.write_now, access.subscribe, me, "Partagés/mmartin/INBOX", True) is Reason.NO_SUCH_MAILBOX
    assert refused(store.write_now, access.create, me, "Partagés") is not None
    for call in (mailboxes.create, mailboxes.rename):
        args = ("Partagés/x",) if call is mailboxes.create else ("Archive", "Fonctions/x")
        assert refused(store.write_now, call, edupont, *args) is Reason.CANNOT
    acts = store.read_now(access.acts, mmartin, 10)
    said = [(act.act, act.mailbox) for act in acts]
    assert said[0] == ("delete", "Projet/Bilan")
    assert ("create", "Projet/2026/Bilan") in said
    assert acts[0].detail.to("fr") == "0 message"
    details = {act.act: act.detail.to("fr") for act in acts if act.mailbox == "Projet/2026/Bilan"}
    assert details["create"].startswith("dossier n° ")
    assert details["rename"] == "devient Projet/Bilan"
    store.write_now(access.remove, viewer(mmartin, "mmartin"), "Projet")
    rest = store.read_now(lambda tx: tx.execute(select(mailbox_right.c.mailbox_id).distinct()).all())
    assert len(rest) == 1, "the rights of a mailbox go with it"


# ---------------------------------------------------------------------- functional boxes


def make_box(tx: Tx, **holders: str) -> int:
    lists.create(tx, BOX, "Secrétariat", "", {"kind": "function"})
    for login, rights in holders.items():
        lists.add_members(tx, BOX, [f"{login}@ac-exemple.fr"])
        lists.set_rights(tx, BOX, {f"{login}@ac-exemple.fr": rights})
    return boxes.ensure(tx, BOX)


def give_address(tx: Tx, account_id: int, login: str) -> None:
    values = {"name": f"{login}@ac-exemple.fr", "account_id": account_id, "live": 1, "since": tx.now}
    tx.insert_ignore(claim, values)


def test_a_box_is_reached_by_its_holders_as_their_words_say(store: Store, edupont: int, mmartin: int) -> None:
    store.write_now(give_address, edupont, "edupont")
    store.write_now(give_address, mmartin, "mmartin")
    box = store.write_now(lambda tx: make_box(tx, edupont="read", mmartin="read write send"))
    assert store.write_now(boxes.ensure, BOX) == box, "made once"
    reader, writer = viewer(edupont, "edupont"), viewer(mmartin, "mmartin")
    names = [reach.name for reach in store.read_now(access.listing, reader)]
    assert "Fonctions/ce.0210006t/INBOX" in names
    assert len(names) == 6
    fill(store, box, 2)
    inbox = store.read_now(mailboxes.get, box, "INBOX")
    assert refused(store.write_now, access.store_flags, reader, inbox.id, [1], "+", ["\\Seen"]) is Reason.FORBIDDEN
    store.write_now(access.store_flags, writer, inbox.id, [1], "+", ["\\Seen", "\\Deleted"])
    store.write_now(access.expunge, writer, inbox.id)
    assert refused(store.write_now, access.create, writer, "Fonctions/ce.0210006t/Neuf") is Reason.FORBIDDEN
    assert store.read_now(boxes.sendable, mmartin) == {BOX: box}
    assert store.read_now(boxes.sendable, edupont) == {}
    acts = store.read_now(access.acts, box, 10)
    assert [(act.actor_id, act.act, act.messages, act.detail) for act in acts] == [
        (mmartin, "expunge", 1, "1"),
        (mmartin, "flags", 1, "+\\Seen \\Deleted 1"),
    ]
    assert [act.detail.name for act in acts] == ["act-messages", "act-flags"]
    assert refused(store.write_now, boxes.sent, edupont, (box,), "x") is Reason.FORBIDDEN
    store.write_now(lists.set_rights, BOX, {"mmartin@ac-exemple.fr": "manage"})
    store.write_now(access.create, writer, "Fonctions/ce.0210006t/Neuf")
    store.write_now(lists.remove_members, BOX, ["mmartin@ac-exemple.fr"])
    assert store.read_now(access.listing, writer) == []
    assert refused(store.write_now, access.expunge, writer, inbox.id) is Reason.NO_SUCH_MAILBOX


def test_a_box_made_again_has_its_mail(store: Store, edupont: int) -> None:
    store.write_now(give_address, edupont, "edupont")
    box = store.write_now(lambda tx: make_box(tx, edupont="manage"))
    fill(store, box, 1)
    store.write_now(lists.remove, BOX)
    assert store.read_now(access.listing, viewer(edupont, "edupont")) == []
    assert store.write_now(lambda tx: make_box(tx, edupont="read")) == box
    assert store.read_now(access.find, viewer(edupont, "edupont"), "Fonctions/ce.0210006t/INBOX").box.messages == 1


def test_rights_that_are_given_are_bounded(
    store: Store, edupont: int, mmartin: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all mailboxes of an account, those that a new one has from above counted: a million would be a page's work."""
    monkeypatch.setattr(acl, "MAX_ACCOUNT_ENTRIES", 5)
    store.write_now(mailboxes.create, mmartin, "Classe")
    for number in range(3):
        grant(store, mmartin, "Classe", f"prof{number}", "lr")
    me = viewer(mmartin, "mmartin")
    assert refused(store.write_now, access.create, me, "Classe/6A") is Reason.LIMIT
    grant(store, mmartin, "INBOX", "prof0", "lr")
    grant(store, mmartin, "INBOX", "prof1", "lr")
    identifier, rights = "prof2", parse("lr")
    change = (access.change, me, "INBOX", identifier, "=", rights, ORIGIN)
    assert refused(store.write_now, *change, negative=False) is Reason.LIMIT
    grant(store, mmartin, "INBOX", "prof1", "lrs")  # one that is there changes
    grant(store, mmartin, "INBOX", "prof1", "")
    grant(store, mmartin, "INBOX", "prof2", "lr")


@pytest.mark.parametrize("part", ["a\0b", "\ud800"])
def test_what_no_name_can_be_is_not_there(store: Store, edupont: int, mmartin: int, part: str) -> None:
    """Modified UTF-7 can spell both: the database is not asked for them, by whatever name."""
    me = viewer(mmartin, "mmartin")
    for name in (part, f"Partagés/{part}/INBOX", f"Fonctions/{part}/INBOX", f"Partagés/edupont/{part}"):
        assert refused(store.read_now, access.find, me, name, "r") is Reason.NO_SUCH_MAILBOX
        store.write_now(mailboxes.subscribe, mmartin, name, False)
    assert refused(store.write_now, mailboxes.subscribe, mmartin, part, True) is Reason.INVALID
