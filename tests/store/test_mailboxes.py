"""Names, hierarchy, renaming, subscriptions, UIDVALIDITY."""

import asyncio
from collections.abc import Callable

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import mailboxes, messages
from tests.store.conftest import create_account
from tests.store.test_messages import fill, recount


def names(store: Store, account: int) -> list[str]:
    return [box.name for box in store.read_now(mailboxes.listing, account)]


def test_provision_is_idempotent(store: Store, edupont: int) -> None:
    before = store.read_now(mailboxes.listing, edupont)
    store.write_now(mailboxes.provision, edupont)
    assert store.read_now(mailboxes.listing, edupont) == before
    assert {box.special_use for box in before} == {"", *mailboxes.SPECIAL_USES}
    assert len({box.uidvalidity for box in before}) == 6


async def test_two_provisions_together_make_one_set(make_store: Callable[[], Store]) -> None:
    one, two = make_store(), make_store()
    account = await one.write(create_account, "nouveau")
    await asyncio.gather(*(s.write(mailboxes.provision, account) for s in (one, two) for _ in range(5)))
    assert len(await one.read(mailboxes.listing, account)) == 6


def test_create_makes_the_levels_above(store: Store, edupont: int) -> None:
    store.write_now(mailboxes.create, edupont, "Élèves/4e B/Parents")
    assert {"Élèves", "Élèves/4e B", "Élèves/4e B/Parents"} <= set(names(store, edupont))


@pytest.mark.parametrize("name", ["", "/", "a//b", "a\x00b", "x" * 1001, "/".join("a" * 30), "a\nb"])
def test_impossible_names(store: Store, edupont: int, name: str) -> None:
    with pytest.raises(Refused) as refused:
        store.write_now(mailboxes.create, edupont, name)
    assert refused.value.reason is Reason.INVALID


@pytest.mark.parametrize("name", ["inbox", "InBox", "INBOX", "Trash"])
def test_existing_names(store: Store, edupont: int, name: str) -> None:
    with pytest.raises(Refused) as refused:
        store.write_now(mailboxes.create, edupont, name)
    assert refused.value.reason is Reason.MAILBOX_EXISTS


def test_levels_above_count_too(store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renamed again and again, one mailbox left nineteen others behind each time, and no bound saw them."""
    store.write_now(mailboxes.create, edupont, "a")
    monkeypatch.setattr(mailboxes, "MAX_MAILBOXES", len(names(store, edupont)) + 3)
    store.write_now(messages.rename, edupont, "a", "b/c/a")
    for unit, given in ((messages.rename, ("b/c/a", "d/e/a")), (mailboxes.create, ("d/e",))):
        with pytest.raises(Refused) as refused:
            store.write_now(unit, edupont, *given)
        assert refused.value.reason is Reason.LIMIT
    store.write_now(messages.rename, edupont, "b/c/a", "b/d/a")
    store.write_now(messages.rename, edupont, "b/d/a", "f")
    assert "f" in names(store, edupont)


def test_rename_takes_children_along(store: Store, edupont: int) -> None:
    store.write_now(mailboxes.create, edupont, "a/b/c")
    fill(store, edupont, 2, "a/b")
    before = store.read_now(mailboxes.get, edupont, "a/b")
    store.write_now(messages.rename, edupont, "a/b", "x/y")
    after = store.read_now(mailboxes.get, edupont, "x/y")
    assert (after.id, after.uidvalidity, after.messages) == (before.id, before.uidvalidity, 2)
    assert {"a", "x", "x/y", "x/y/c"} <= set(names(store, edupont))
    with pytest.raises(Refused):
        store.write_now(messages.rename, edupont, "x", "x/y/z")


def tree(store: Store, account: int, *wanted: str) -> None:
    for name in wanted:
        store.write_now(mailboxes.create, account, name)


def test_a_tree_that_cannot_be_renamed_stays_whole(store: Store, edupont: int) -> None:
    """Names that are taken or too long below the new one count as the new one itself."""
    tree(store, edupont, "a/x/1234", "b/x/1234")
    store.write_now(mailboxes.remove, edupont, "b")
    before = names(store, edupont)
    for new, reason in (
        ("b", Reason.MAILBOX_EXISTS),
        ("a/y", Reason.CANNOT),
        ("a/x/y", Reason.CANNOT),
        ("n" * 995, Reason.INVALID),
        ("/".join("n" * 19), Reason.INVALID),
        ("Partagés/mmartin/a", Reason.CANNOT),
        ("Fonctions/a", Reason.CANNOT),
        ("Partagés", Reason.CANNOT),
        ("Inbox", Reason.MAILBOX_EXISTS),
    ):
        with pytest.raises(Refused) as refused:
            store.write_now(messages.rename, edupont, "a", new)
        assert refused.value.reason is reason, new
        assert names(store, edupont) == before, new


def test_rename_inbox_moves_its_messages(store: Store, edupont: int) -> None:
    fill(store, edupont, 3)
    store.write_now(messages.rename, edupont, "inbox", "Ancien")
    assert store.read_now(mailboxes.get, edupont, "INBOX").messages == 0
    assert store.read_now(mailboxes.get, edupont, "Ancien").messages == 3
    store.read_now(recount, edupont, "Ancien")


def test_uidvalidity_never_comes_back(store: Store, edupont: int) -> None:
    seen = []
    for _ in range(3):
        box = store.write_now(mailboxes.create, edupont, "Temp")
        seen.append(box.uidvalidity)
        store.write_now(mailboxes.remove, edupont, "Temp")
    assert seen == sorted(set(seen))


def test_subscription_outlives_its_mailbox(store: Store, edupont: int) -> None:
    store.write_now(mailboxes.create, edupont, "Temp")
    store.write_now(mailboxes.subscribe, edupont, "Temp", True)
    store.write_now(mailboxes.remove, edupont, "Temp")
    assert "Temp" in store.read_now(mailboxes.subscriptions, edupont)
    store.write_now(mailboxes.subscribe, edupont, "Temp", False)
    assert "Temp" not in store.read_now(mailboxes.subscriptions, edupont)


def test_inbox_stays(store: Store, edupont: int) -> None:
    with pytest.raises(Refused):
        store.write_now(mailboxes.remove, edupont, "inbox")


def test_mailboxes_are_scoped(store: Store, edupont: int, mmartin: int) -> None:
    theirs = store.read_now(mailboxes.get, mmartin, "INBOX")
    with pytest.raises(Refused):
        store.read_now(mailboxes.by_id, edupont, theirs.id)


def test_a_special_folder_made_again_is_special_again(store: Store, edupont: int) -> None:
    store.write_now(mailboxes.remove, edupont, "Sent")
    assert store.write_now(mailboxes.create, edupont, "Sent").special_use == "\\Sent"
    store.write_now(mailboxes.rename, edupont, "Trash", "Corbeille")
    assert store.write_now(mailboxes.create, edupont, "Trash").special_use == ""
