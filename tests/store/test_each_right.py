"""Each act in a mailbox of somebody else takes exactly its rights (RFC 4314 section 4): all others do not help."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import access, blobs, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.access.acts import New
from mailserver.store.mail.access.rights import ALL, NONE, Rights
from mailserver.store.mail.messages import NO_QUOTA, Quota
from tests.store.test_access import ORIGIN, grant, refused
from tests.store.test_messages import fill, mail

SOURCE, TARGET = "Partagés/mmartin/Source", "Partagés/mmartin/Cible"
FAR = "Partagés/mmartin/Cible/Ici"


@dataclass(frozen=True, slots=True)
class Place:
    """Two mailboxes of mmartin, with three messages in the first, as edupont reaches them."""

    store: Store
    owner: int
    me: Viewer

    def box(self, name: str) -> mailboxes.Mailbox:
        return self.store.read_now(mailboxes.get, self.owner, name)

    def letter(self) -> New:
        return blobs.prepare(mail(9), self.store.blobs), (), None


Act = Callable[[Place], object]


def copy(at: Place) -> object:
    return at.store.write_now(access.copy, at.me, at.box("Source").id, TARGET, [1], NO_QUOTA, whole=True)


def move(at: Place) -> object:
    return at.store.write_now(access.move, at.me, at.box("Source").id, TARGET, [1], NO_QUOTA, whole=True)


def replace(at: Place) -> object:
    return at.store.write_now(access.replace, at.me, at.box("Source").id, 2, TARGET, at.letter(), NO_QUOTA)


def flag(*flags: str) -> Act:
    return lambda at: at.store.write_now(access.store_flags, at.me, at.box("Source").id, [3], "+", list(flags))


def expunge(at: Place) -> object:
    return at.store.write_now(access.expunge, at.me, at.box("Source").id)


def append(at: Place) -> object:
    return at.store.write_now(access.append, at.me, SOURCE, [at.letter()], NO_QUOTA)


def create(at: Place) -> object:
    return at.store.write_now(access.create, at.me, f"{TARGET}/Neuf")


def rename(at: Place) -> object:
    at.store.write_now(access.rename, at.me, SOURCE, FAR)
    return at.store.write_now(mailboxes.rename, at.owner, "Cible/Ici", "Source")


def remove(at: Place) -> object:
    removed = at.store.write_now(access.remove, at.me, SOURCE)
    make(at.store, at.owner)
    return removed


def give(at: Place) -> object:
    return at.store.write_now(access.change, at.me, SOURCE, "zoe", "=", frozenset("l"), ORIGIN, negative=False)


def look(at: Place) -> object:
    return at.store.read_now(access.entries, at.me, SOURCE)


ACTS: dict[str, tuple[Act, str, str]] = {
    "COPY": (copy, "r", "i"),
    "MOVE": (move, "rte", "i"),
    "REPLACE": (replace, "te", "i"),
    "STORE \\Seen": (flag("\\Seen"), "s", ""),
    "STORE \\Deleted": (flag("\\Deleted"), "t", ""),
    "STORE \\Flagged": (flag("\\Flagged", "$Work"), "w", ""),
    "EXPUNGE": (expunge, "e", ""),
    "APPEND": (append, "i", ""),
    "CREATE": (create, "", "k"),
    "RENAME": (rename, "x", "k"),
    "SETACL": (give, "a", ""),
    "GETACL": (look, "a", ""),
    "DELETE": (remove, "x", ""),
}
"""An act, and the rights that it takes in the mailbox it begins in and in the one it leads to."""


def make(store: Store, owner: int) -> None:
    for name in ("Source", "Cible"):
        if name not in {box.name for box in store.read_now(mailboxes.listing, owner)}:
            store.write_now(mailboxes.create, owner, name)
    fill(store, owner, 3, "Source")


@pytest.fixture
def place(store: Store, edupont: int, mmartin: int) -> Place:
    make(store, mmartin)
    return Place(store, mmartin, Viewer.of(edupont, "edupont"))


def allow(at: Place, source: Rights, target: Rights) -> None:
    for name, rights in (("Source", source), ("Cible", target)):
        grant(at.store, at.owner, name, "edupont", "".join(rights))


def state(at: Place) -> object:
    """Everything that an act could have changed."""
    return [
        (box.name, at.store.read_now(messages.state, box.id), at.store.read_now(access.entries, owner, box.name)[1:])
        for owner in (Viewer.of(at.owner, "mmartin"),)
        for box in at.store.read_now(mailboxes.listing, at.owner)
        if box.name != "INBOX"
    ]


def test_each_act_takes_each_of_its_rights(place: Place) -> None:
    for name, (act, source, target) in ACTS.items():
        for here, there in [(one, "") for one in source] + [("", one) for one in target]:
            allow(place, ALL - frozenset(here), ALL - frozenset(there))
            before = state(place)
            assert refused(act, place) is Reason.FORBIDDEN, f"{name} without {here or there}"
            assert state(place) == before, f"{name} without {here or there} has changed something"
        allow(place, frozenset("l" + source), frozenset("l" + target))
        try:
            act(place)
        except Refused as refusal:
            raise AssertionError(f"{name} with its rights alone: {refusal.text}") from refusal


def test_nobody_hears_of_what_they_may_not_look_up(place: Place) -> None:
    """Whatever else they may do there; who has no right at all hears the same."""
    everything = "COPY", "MOVE", "REPLACE", "EXPUNGE", "APPEND", "SETACL", "GETACL", "DELETE"
    for rights in (frozenset("p"), NONE):
        allow(place, rights, ALL)
        for name in everything:
            assert refused(ACTS[name][0], place) is Reason.NO_SUCH_MAILBOX, name


def test_a_tree_is_renamed_by_who_may_rename_each_of_it(place: Place) -> None:
    place.store.write_now(mailboxes.create, place.owner, "Source/Dessous")
    allow(place, ALL, ALL)
    grant(place.store, place.owner, "Source/Dessous", "edupont", "lrswipkte")
    assert refused(place.store.write_now, access.rename, place.me, SOURCE, FAR) is Reason.FORBIDDEN
    names = {box.name for box in place.store.read_now(mailboxes.listing, place.owner)}
    assert {"Source", "Source/Dessous"} <= names


def test_a_mailbox_stays_its_owners(place: Place) -> None:
    """Neither into one's own folders nor out of them, whatever the rights."""
    allow(place, ALL, ALL)
    own = place.me.account_id
    place.store.write_now(mailboxes.create, own, "Cible/Mien")
    before = [place.store.read_now(mailboxes.listing, account) for account in (own, place.owner)]
    for old, new in ((SOURCE, "Volé"), ("Cible/Mien", f"{TARGET}/Donné"), (SOURCE, "Cible/Volé")):
        assert refused(place.store.write_now, access.rename, place.me, old, new) is Reason.CANNOT, (old, new)
    assert [place.store.read_now(mailboxes.listing, account) for account in (own, place.owner)] == before


def test_flags_arrive_as_far_as_rights_go(place: Place) -> None:
    """COPY, MOVE and REPLACE set no flag that a STORE could not (section 4)."""
    inbox = place.store.read_now(mailboxes.get, place.me.account_id, "INBOX")
    fill(place.store, place.me.account_id, 2)
    flags = ("\\Seen", "\\Flagged", "\\Deleted", "$Work")
    place.store.write_now(messages.store_flags, place.me.account_id, inbox.id, None, "=", flags)
    allow(place, ALL, frozenset("lis"))
    place.store.write_now(access.copy, place.me, inbox.id, TARGET, [1], NO_QUOTA, whole=True)
    place.store.write_now(access.move, place.me, inbox.id, TARGET, [1], NO_QUOTA, whole=True)
    letter = (place.letter()[0], flags, None)
    place.store.write_now(access.replace, place.me, inbox.id, 2, TARGET, letter, NO_QUOTA)
    assert [row[1] for row in place.store.read_now(messages.state, place.box("Cible").id)] == [1, 1, 1], "\\Seen alone"


def test_replace_holds_to_the_quota(place: Place) -> None:
    """Within one's own mail by how much it grows, in a mailbox of somebody else by the whole message."""
    allow(place, ALL, ALL)
    own = place.me.account_id
    fill(place.store, own, 1)
    inbox = place.store.read_now(mailboxes.get, own, "INBOX")
    grown = (blobs.prepare(mail(8, 5000), place.store.blobs), (), None)
    small = place.letter()
    used = place.store.read_now(messages.usage, own)[0]
    limit = Quota(octets=used + 100)

    def put(name: str, new: New, quota: Quota) -> object:
        return place.store.write_now(access.replace, place.me, inbox.id, 1, name, new, quota)

    assert refused(put, "INBOX", grown, limit) is Reason.OVER_QUOTA
    theirs = place.store.read_now(messages.usage, place.owner)[0]
    assert refused(put, TARGET, small, Quota(octets=theirs + 10)) is Reason.OVER_QUOTA
    assert [row[0] for row in place.store.read_now(messages.state, inbox.id)] == [1]
    put("INBOX", small, limit)
    assert refused(put, "INBOX", small, NO_QUOTA) is Reason.NOT_FOUND, "what is gone meanwhile is not replaced"
    assert len(place.store.read_now(messages.state, inbox.id)) == 1


def test_the_owner_keeps_every_right(place: Place) -> None:
    """Neither the owner nor who administers the mailbox takes them away (section 3.1, the server's choice)."""
    allow(place, ALL, ALL)
    for mode, rights, negative in (("=", "lr", False), ("-", "a", False), ("+", "r", True)):
        change = (access.change, place.me, SOURCE, "mmartin", mode, frozenset(rights), ORIGIN)
        assert refused(place.store.write_now, *change, negative=negative) is Reason.CANNOT
