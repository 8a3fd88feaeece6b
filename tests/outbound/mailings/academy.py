"""An academy of any size, its people made directly in the store: accounts, entries, schools; no mailboxes yet."""

from collections.abc import Sequence

from sqlalchemy import insert, text

from mailserver.model.identity import ListKind
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import schools
from mailserver.store.people.mailing_lists import lists
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import person

BATCH = 5000
SCHOOL = 200
"""People of one school."""
EVERYBODY = "tous@ac-exemple.fr"


def fill(store: Store, count: int) -> None:
    """So many teachers, and a living list that finds them all."""
    for begin in range(0, count, BATCH):
        store.write_now(_add, range(begin, min(begin + BATCH, count)))
    facts = [schools.Facts(_uai(number), f"Collège {number}", "CLG") for number in range(count // SCHOOL + 1)]
    store.write_now(schools.upsert, facts)
    store.write_now(_list)


def _uai(number: int) -> str:
    return f"{number:07d}A"


def _add(tx: Tx, numbers: Sequence[int]) -> None:
    first = int(tx.execute(text("SELECT COALESCE(MAX(id), 0) FROM account")).scalar_one()) + 1
    now = tx.now
    rows = [(first + place, number) for place, number in enumerate(numbers)]
    tx.execute(
        insert(account),
        [
            {"id": one, "login": f"p{number}", "state": "active", "created": now, "activated": now}
            for one, number in rows
        ],
    )
    tx.execute(
        insert(person),
        [
            {
                "account_id": one,
                "given_name": "Camille",
                "surname": f"Personne{number}",
                "address": f"p{number}@ac-exemple.fr",
                "role": "teacher",
                "uai": _uai(number // SCHOOL),
                **dict.fromkeys(("given_key", "surname_key", "name_key"), f"personne{number}"),
                "created": now,
                "modified": now,
            }
            for one, number in rows
        ],
    )
    if tx.dialect == "postgresql":
        tx.execute(text("SELECT setval(pg_get_serial_sequence('account', 'id'), (SELECT MAX(id) FROM account))"))


def _list(tx: Tx) -> None:
    lists.create(
        tx, EVERYBODY, "Tous", "", {"kind": ListKind.LIVING.value, "query": "role=teacher", "writers": "house"}
    )
