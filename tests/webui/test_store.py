"""The web's own rows and its pages of mailboxes, on both engines."""

import random

import pytest
from sqlalchemy import insert, select

from mailserver.model.account.preferences import Preferences
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import accounts, idempotency, parked_texts, sessions, stored_preferences
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.messages import Quota
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.sessions import once, parked, session, undo
from mailserver.store.web import webmail
from mailserver.store.web.webmail import handling, undo_records
from mailserver.store.web.webmail.undo_records import Undo
from tests.webui.house import mail


def create_account(tx: Tx, login: str) -> int:
    row = tx.execute(insert(account).values(login=login, state="active", created=tx.now).returning(account.c.id)).one()
    mailboxes.provision(tx, row[0])
    return int(row[0])


@pytest.fixture
def emma(store: Store) -> int:
    return store.write_now(create_account, "edupont")


@pytest.fixture
def marc(store: Store) -> int:
    return store.write_now(create_account, "mmartin")


def token(number: int) -> bytes:
    return number.to_bytes(32, "big")


def open_one(store: Store, account_id: int, number: int = 1, lifetime: int = 3600) -> None:
    store.write_now(
        sessions.open_session, token(number), account_id, 1, lifetime, "simple", "192.0.2.1", "Navigateur " * 100
    )


def count(tx: Tx, table) -> int:  # type: ignore[no-untyped-def]
    return len(tx.execute(select(table.c.token_hash)).all())


# ---------------------------------------------------------------------- sessions


def test_session_is_found_renewed_and_closed(store: Store, emma: int) -> None:
    open_one(store, emma)
    found = store.read_now(sessions.find, token(1))
    assert found is not None
    assert (found[0].account_id, found[0].current, found[0].interface) == (emma, True, "simple")
    assert store.read_now(sessions.find, token(2)) is None
    assert not sessions.wants_touch(found[0], found[0].seen + 10)
    assert sessions.wants_touch(found[0], found[0].seen + 180)
    store.write_now(sessions.touch, found[0])
    store.write_now(sessions.choose_interface, token(1), "complet")
    again = store.read_now(sessions.find, token(1))
    assert again is not None
    assert again[0].interface == "complet"
    store.write_now(sessions.close, token(1))
    assert store.read_now(sessions.find, token(1)) is None


def test_new_password_or_state_ends_a_session(store: Store, emma: int) -> None:
    open_one(store, emma)
    store.write_now(accounts.suspend, emma, "", False)
    found = store.read_now(sessions.find, token(1))
    assert found is not None
    assert not found[0].current
    assert found[0].state == "suspended"
    assert store.read_now(sessions.ended_owner, token(1)) == emma


def test_expired_sessions_are_nobodys_and_swept(store: Store, emma: int) -> None:
    open_one(store, emma, 1, lifetime=-10)
    assert store.read_now(sessions.find, token(1)) is None
    assert store.read_now(sessions.ended_owner, token(1)) == emma
    open_one(store, emma, 2, lifetime=-sessions.REMEMBERED - 10)
    open_one(store, emma, 3)
    assert store.read_now(count, session) == 2
    assert store.read_now(sessions.ended_owner, token(3)) is None
    assert store.read_now(sessions.count_open) == 1


def test_sessions_of_one_account_are_bounded(store: Store, emma: int, marc: int) -> None:
    open_one(store, marc, 9999)
    for number in range(sessions.MAX_SESSIONS + 5):
        open_one(store, emma, number)
    assert store.read_now(count, session) == sessions.MAX_SESSIONS + 1
    assert store.write_now(sessions.close_all, emma, token(sessions.MAX_SESSIONS + 4)) == sessions.MAX_SESSIONS - 1
    assert store.read_now(count, session) == 2


def test_preferences_are_replaced(store: Store, emma: int, marc: int) -> None:
    assert store.read_now(stored_preferences.preferences, emma) == Preferences()
    chosen = Preferences(
        "en", "complet", 25, "grand", theme="sombre", formatted=True, answer_below=True, signature="Emma\nDupont"
    )
    for _ in range(2):
        store.write_now(stored_preferences.save_preferences, emma, chosen)
    assert store.read_now(stored_preferences.preferences, emma) == chosen
    assert store.read_now(stored_preferences.preferences, marc) == Preferences()


def test_undo_is_taken_once_by_its_owner_in_time(store: Store, emma: int, marc: int) -> None:
    what = Undo(1, 2, (3, 4))
    store.write_now(undo_records.remember_undo, token(1), emma, 300, what)
    store.write_now(undo_records.remember_undo, token(2), emma, -1, what)
    for number, owner in ((1, marc), (2, emma), (3, emma)):
        with pytest.raises(Refused) as refusal:
            store.write_now(undo_records.take_undo, token(number), owner)
        assert refusal.value.reason is Reason.NOT_FOUND
    assert store.write_now(undo_records.take_undo, token(1), emma) == what
    with pytest.raises(Refused):
        store.write_now(undo_records.take_undo, token(1), emma)
    for number in range(undo_records.MAX_UNDO + 10):
        store.write_now(undo_records.remember_undo, token(100 + number), emma, 300 + number, what)
    assert store.read_now(count, undo) == undo_records.MAX_UNDO


def test_parked_text_is_for_its_owner_in_time_and_bounded(store: Store, emma: int, marc: int) -> None:
    store.write_now(parked_texts.park, token(1), emma, 60, b"sealed")
    store.write_now(parked_texts.park, token(2), emma, -1, b"late")
    assert store.write_now(parked_texts.take_parked, token(1), marc) is None
    assert store.write_now(parked_texts.take_parked, token(2), emma) is None
    assert store.write_now(parked_texts.take_parked, token(1), emma) == b"sealed"
    assert store.write_now(parked_texts.take_parked, token(1), emma) is None
    for number in range(parked_texts.MAX_PARKED + 5):
        store.write_now(parked_texts.park, token(100 + number), emma, 60 + number, b"x")
    assert store.read_now(count, parked) == parked_texts.MAX_PARKED


def test_claim_is_given_once_and_ends(store: Store, emma: int, marc: int) -> None:
    assert store.write_now(idempotency.claim, token(1), emma, 60)
    assert not store.write_now(idempotency.claim, token(1), emma, 60)
    assert store.read_now(idempotency.finished, token(1), emma) is False
    store.write_now(idempotency.release, token(1), marc)
    assert not store.write_now(idempotency.claim, token(1), emma, 60)
    store.write_now(idempotency.finish, token(1), emma, 60)
    assert store.read_now(idempotency.finished, token(1), emma) is True
    store.write_now(idempotency.release, token(1), emma)
    assert store.read_now(idempotency.finished, token(1), emma) is None
    assert store.write_now(idempotency.claim, token(1), emma, -1)
    assert store.write_now(idempotency.claim, token(1), emma, 60)  # nobody finished: its worker died
    assert store.read_now(count, once) == 1


# ---------------------------------------------------------------------- pages of a mailbox


def fill(store: Store, account_id: int, dates: list[int]) -> list[messages.Appended]:
    box = store.read_now(mailboxes.get, account_id, "INBOX")
    return [
        store.write_now(
            messages.append,
            account_id,
            box.id,
            blobs.prepare(mail(f"Message {number}"), store.data / "blobs"),
            internal_date=date,
        )
        for number, date in enumerate(dates)
    ]


def test_pages_walk_a_mailbox_without_gap_or_overlap(store: Store, emma: int) -> None:
    """Equal dates, dates out of order: every message once, newest first, both ways."""
    dates = [100, 300, 200, 200, 200, 50, 300, 400, 1, 200]
    fill(store, emma, dates)
    box = store.read_now(mailboxes.get, emma, "INBOX")
    seen: list[tuple[int, int]] = []
    edge = None
    pages = 0
    while True:
        page = store.read_now(webmail.page, box, 3, before=edge)
        seen += [(line.date, line.uid) for line in page.lines]
        pages += 1
        assert page.newer is (edge is not None)
        if not page.older:
            break
        edge = webmail.Edge(page.lines[-1].date, page.lines[-1].uid)
    assert seen == sorted(zip(dates, range(1, 11), strict=True), reverse=True)
    assert pages == 4
    back = store.read_now(webmail.page, box, 3, after=webmail.Edge(*seen[6]))
    assert [(line.date, line.uid) for line in back.lines] == seen[3:6]
    assert back.newer
    around = store.read_now(webmail.around, emma, box.id, webmail.Edge(*seen[4]), 2)
    assert [(line.date, line.uid) for line in around] == seen[2:7]


def test_the_first_page_follows_what_comes_and_goes(store: Store, emma: int) -> None:
    """Where the newest begin is remembered: it holds for dates out of order and for removals."""
    chance = random.Random(5)
    dates: dict[int, int] = {}
    for _ in range(60):
        uidnext = store.read_now(mailboxes.get, emma, "INBOX").uidnext
        new = [chance.choice((chance.randint(1, 50), uidnext)) for _ in range(chance.randint(0, 4))]
        fill(store, emma, new)
        dates |= dict(zip(range(uidnext, uidnext + len(new)), new, strict=True))
        gone = sorted(chance.sample(sorted(dates)[-8:], min(len(dates), 8))[: chance.choice((0, 0, 1, 5))])
        box = store.read_now(mailboxes.get, emma, "INBOX")
        store.write_now(messages.erase, emma, box.id, gone)
        for uid in gone:
            del dates[uid]
        box = store.read_now(mailboxes.get, emma, "INBOX")
        page = store.read_now(webmail.page, box, 3)
        newest = sorted(((date, uid) for uid, date in dates.items()), reverse=True)
        assert [(line.date, line.uid) for line in page.lines] == newest[:3]
        assert page.older is (len(newest) > 3)


def test_message_knows_its_place(store: Store, emma: int, marc: int) -> None:
    appended = fill(store, emma, [1, 2, 3])
    middle = appended[1].content_id
    found = store.read_now(webmail.stored, emma, middle)
    around = (appended[2].content_id, appended[0].content_id)
    for grouped in (False, True):
        assert store.read_now(webmail.neighbours, found.box, webmail.View(grouped=grouped), found.uid) == around
    assert store.read_now(webmail.neighbours, found.box, webmail.View(ascending=True), found.uid) == around[::-1]
    newest = webmail.View(sort=webmail.Sort.SIZE)
    ids = [item.line.id for item in store.read_now(webmail.listed, found.box, newest, 3, 0).items]
    at = ids.index(middle)
    expected = tuple(ids[place] if 0 <= place < 3 else 0 for place in (at - 1, at + 1))
    assert store.read_now(webmail.neighbours, found.box, newest, found.uid) == expected
    archive = store.read_now(mailboxes.get, emma, "Archive")
    moved = store.write_now(webmail.move, emma, found.box.id, archive.id, [middle], (token(1), 60), (["$X"], []))
    assert moved == 1
    elsewhere = store.read_now(webmail.stored, emma, middle, found.box.id)
    assert elsewhere.box.id == archive.id
    assert elsewhere.keywords == ("$X",)
    with pytest.raises(Refused):
        store.read_now(webmail.stored, marc, middle)
    with pytest.raises(Refused):
        store.write_now(handling.put_back, Viewer(marc), token(1), messages.NO_QUOTA)
    back = store.write_now(handling.put_back, Viewer(emma), token(1), messages.NO_QUOTA)
    assert (back.mailbox_id, back.count) == (found.box.id, 1)


def test_beginning_of_a_message_is_enough_for_its_text(store: Store, emma: int) -> None:
    octets = mail("Gros") + b"x" * 300_000
    box = store.read_now(mailboxes.get, emma, "INBOX")
    folder = store.data / "blobs"
    prepared = blobs.prepare(octets, folder)
    content = store.write_now(messages.append, emma, box.id, prepared).content_id
    assert store.read_now(webmail.octets, emma, content, folder) == octets
    assert store.read_now(webmail.octets, emma, content, folder, 1000) == octets[:1000]
    assert octets.startswith(store.read_now(webmail.octets, emma, content, folder, 0))


def test_draft_is_replaced_or_refused(store: Store, emma: int) -> None:
    folder = store.data / "blobs"
    first = store.write_now(webmail.replace_draft, emma, 0, blobs.prepare(mail("1"), folder), Quota(0))
    second = store.write_now(webmail.replace_draft, emma, first, blobs.prepare(mail("2"), folder), Quota(0))
    same = store.write_now(webmail.replace_draft, emma, second, blobs.prepare(mail("2"), folder), Quota(0))
    assert same == second
    with pytest.raises(Refused) as refusal:
        store.write_now(webmail.replace_draft, emma, first, blobs.prepare(mail("3"), folder), Quota(0))
    assert refusal.value.reason is Reason.CONFLICT
    box = store.write_now(webmail.drafts, emma)
    assert box.messages == 1
    with pytest.raises(Refused) as refusal:
        store.write_now(webmail.replace_draft, emma, second, blobs.prepare(mail("4"), folder), Quota(10))
    assert refusal.value.reason is Reason.OVER_QUOTA
    assert store.write_now(webmail.drafts, emma).messages == 1
