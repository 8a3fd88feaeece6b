"""Mailboxes and collections of many accounts by a few statements: the same that one account gets, each once."""

from sqlalchemy import insert, select, update

from mailserver.accounts.provision import provision, provision_new
from mailserver.store.agenda import agendas
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.agendas import agenda_home


def _make(tx: Tx, *logins: str) -> list[int]:
    rows = [{"login": login, "state": "active", "created": tx.now} for login in logins]
    return [int(tx.execute(insert(account).values(row).returning(account.c.id)).scalar_one()) for row in rows]


def _has(tx: Tx, account_id: int) -> list[object]:
    boxes = [(box.name, box.special_use, box.uidvalidity == box.id) for box in mailboxes.listing(tx, account_id)]
    collections = [(one.name, one.tag, one.props) for one in agendas.listing(tx, account_id)]
    homes = tx.execute(select(agenda_home.c.collections).where(agenda_home.c.account_id == account_id)).scalars()
    return [boxes, collections, list(homes), mailboxes.subscriptions(tx, account_id)]


def test_they_have_what_one_gets_and_once(store: Store) -> None:
    alone, *many = store.write_now(_make, "alone", "un", "deux", "trois")
    store.write_now(provision, alone)
    store.write_now(provision, many[0])
    for _ in range(2):
        store.write_now(provision_new, many)
    wanted = store.read_now(_has, alone)
    assert [store.read_now(_has, one) for one in many] == [wanted] * 3


def test_who_has_mailboxes_already_and_who_is_erased_get_nothing_new(store: Store) -> None:
    mine, erased = store.write_now(_make, "mine", "erased")
    store.write_now(lambda tx: mailboxes.provision(tx, mine))
    store.write_now(lambda tx: mailboxes.subscribe(tx, mine, "Junk", False))
    store.write_now(lambda tx: tx.execute(update(account).where(account.c.id == erased).values(erased=1)))
    store.write_now(provision_new, [mine, erased])
    assert "Junk" not in store.read_now(mailboxes.subscriptions, mine)
    assert len(store.read_now(agendas.listing, mine)) == 3
    assert store.read_now(mailboxes.listing, erased) == []
