"""Which mailboxes of which account a message goes to, and that it is never lost on the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from mailserver.accounts.provision import provision
from mailserver.delivery import Part, Placement, deliver_parts
from mailserver.delivery.placement import SPAM, Placements
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.mail.flags import SEEN, names
from mailserver.store.schema.account.accounts import account as account_table
from mailserver.store.schema.mail.messages import content
from tests.store.conftest import create_account

OCTETS = b"From: a@x.fr\r\nSubject: Sortie\r\n\r\nBonjour.\r\n"
ORIGIN = Provenance(Door.SMTP)


@pytest.fixture
def two(store: Store) -> tuple[int, int]:
    return store.write_now(create_account, "edupont"), store.write_now(create_account, "mmartin")


def deliver(store: Store, accounts: tuple[int, ...], placements: Placements) -> tuple[int, list[str], dict[int, int]]:
    prepared = blobs.prepare(OCTETS, store.data / "blobs")
    part = Part(prepared, "a@x.fr", accounts, provenance=ORIGIN, placements=placements)
    return store.write_now(deliver_parts, [part], {}, 3600)


def held(store: Store, account: int) -> dict[str, list[tuple[str, ...]]]:
    """The flags of every message, by mailbox; its counters agree."""

    def look(tx: Tx) -> dict[str, list[tuple[str, ...]]]:
        found = {}
        for box in mailboxes.listing(tx, account):
            rows = messages.state(tx, box.id)
            assert box.messages == len(rows)
            assert box.octets == len(OCTETS) * len(rows)
            assert box.unseen == sum(not flags & SEEN for _, flags, _ in rows)
            if rows:
                found[box.name] = [names(flags, mailboxes.keywords(tx, box.id)) for _, flags, _ in rows]
        return found

    return store.read_now(look)


def test_several_mailboxes_with_flags_beside_somebody_with_none(store: Store, two: tuple[int, int]) -> None:
    first, second = two
    wanted = (
        Placement("Classes/6e B", ("\\Seen", "$Sortie"), create=True),
        Placement("Archive"),
        Placement(flags=("\\Flagged",)),
        Placement("inbox", ("\\Seen",)),
    )
    _, _, inboxes = deliver(store, two, {first: wanted})
    assert held(store, first) == {
        "Archive": [()],
        "Classes/6e B": [("\\Seen", "$Sortie")],
        "INBOX": [("\\Seen", "\\Flagged")],
    }
    assert held(store, second) == {"INBOX": [()]}
    assert inboxes.keys() == {second}
    assert "Classes/6e B" in store.read_now(mailboxes.subscriptions, first)


@pytest.mark.parametrize(
    "placement",
    [
        Placement("Disparu"),
        Placement("Partagés/autrui", create=True),
        Placement("x" * 2000, create=True),
        Placement("a//b", create=True),
        Placement("", create=True),
        Placement("Disparu", special_use="\\Important"),
    ],
)
def test_what_cannot_be_is_inbox(store: Store, two: tuple[int, int], placement: Placement) -> None:
    deliver(store, two[:1], {two[0]: (placement,)})
    assert held(store, two[0]) == {"INBOX": [()]}


def test_a_special_use_before_a_name(store: Store, two: tuple[int, int]) -> None:
    account = two[0]
    store.write_now(provision, account)
    store.write_now(mailboxes.rename, account, "Junk", "Indésirables")
    deliver(store, two[:1], {account: (Placement("Ailleurs", create=True, special_use="\\Junk"),)})
    store.write_now(mailboxes.remove, account, "Archive")
    deliver(store, two[:1], {account: (Placement("Vieux", create=True, special_use="\\Archive"),)})
    assert held(store, account) == {"Indésirables": [()], "Vieux": [()]}
    box = store.read_now(mailboxes.by_use, account, "\\Archive")
    assert box is not None
    assert box.name == "Vieux"


def test_flags_that_cannot_be_are_left_out(store: Store, two: tuple[int, int]) -> None:
    flags = ("\\Recent", "\\Flagged", "k" * 200, *(f"mot{number}" for number in range(80)))
    deliver(store, two[:1], {two[0]: (Placement(flags=flags),)})
    (row,) = held(store, two[0])["INBOX"]
    assert row[:3] == ("\\Flagged", "mot0", "mot1")


def test_nowhere_is_nowhere(store: Store, two: tuple[int, int]) -> None:
    """What everybody throws away leaves no content; what somebody keeps is kept for them alone."""
    content_id, _, _ = deliver(store, two, {two[0]: (), two[1]: ()})
    assert content_id == 0
    assert store.read_now(lambda tx: tx.execute(content.select()).all()) == []
    deliver(store, two, {two[0]: ()})
    assert held(store, two[0]) == {}
    assert held(store, two[1]) == {"INBOX": [()]}


def test_junk_for_many_is_placed_by_sets(store: Store, two: tuple[int, int]) -> None:
    """Each with the keyword's bit of their own mailbox; the statements do not grow with the people."""
    many = tuple(store.write_now(create_account, f"p{number}") for number in range(40))
    for account in many[:-1]:
        store.write_now(provision, account)
    deliver(store, many[:1], {many[0]: (Placement("Junk", ("$Other",)),)})
    counts = []
    for accounts in (many, many[:20], many):
        prepared = blobs.prepare(OCTETS, store.data / "blobs")
        placements = dict.fromkeys(accounts, (SPAM,))
        part = Part(prepared, "a@x.fr", accounts, provenance=ORIGIN, placements=placements)
        counts.append(store.write_now(counted_statements, part))
    assert held(store, many[0]) == {"Junk": [("$Other",), *[("$Junk",)] * 3]}
    assert held(store, many[30]) == {"Junk": [("$Junk",)] * 2}
    assert held(store, many[-1]) == {"Junk": [("$Junk",)] * 2}, "who had no folders yet"
    assert counts[1] == counts[2], "statements do not grow with the people"


def counted_statements(tx: Tx, part: Part) -> int:
    """Deliver; how many statements that took."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1

    with watching(tx, count):
        deliver_parts(tx, [part], {}, 3600)
    return seen


@contextmanager
def watching(tx: Tx, count: Callable[..., None]) -> Iterator[None]:
    """Every statement of a unit, prepared ones, too."""
    names = ("one", "all", "run", "many", "execute")
    originals = {name: getattr(Tx, name) for name in names}

    def counting(name: str) -> Callable[..., Any]:
        def call(self: Tx, *args: Any, **kwargs: Any) -> Any:
            count()
            return originals[name](self, *args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(Tx, name, counting(name))
        yield


def test_several_mailboxes_of_several_people_with_other_flags(store: Store, two: tuple[int, int]) -> None:
    first, second = two
    wanted = (Placement("Archive", ("\\Seen",)), Placement("Junk", ("\\Flagged", "$Junk")))
    deliver(store, two, {first: wanted, second: wanted[1:]})
    assert held(store, first) == {"Archive": [("\\Seen",)], "Junk": [("\\Flagged", "$Junk")]}
    assert held(store, second) == {"Junk": [("\\Flagged", "$Junk")]}
    box = store.read_now(mailboxes.get, first, "Junk")
    assert (box.flagged, box.unseen) == (1, 1)


def test_an_account_that_never_got_anything(store: Store) -> None:
    def bare(tx: Tx) -> int:
        row = tx.execute(insert(account_table).values(login="nouvelle", state="active", created=tx.now))
        return int((row.inserted_primary_key or (0,))[0])

    account = store.write_now(bare)
    deliver(store, (account,), {account: (Placement("Junk", special_use="\\Junk"),)})
    assert held(store, account) == {"Junk": [()]}


def test_large_files_that_nobody_wants_are_named(store: Store, two: tuple[int, int]) -> None:
    big = blobs.prepare(OCTETS + bytes(range(256)) * 4096, Path(store.data / "blobs"))
    part = Part(big, "", two[:1], provenance=ORIGIN, placements={two[0]: ()})
    _, unused, _ = store.write_now(deliver_parts, [part], {}, 3600)
    assert unused == ([big.file] if big.file else [])
