"""What accounts hold, summed on both engines: limits of their own and the setting's, boxes, people without a school."""

import pytest
from sqlalchemy import insert, update

from mailserver.model.identity import Role
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.messages.quotas import Quota, set_message_quota
from mailserver.store.people import schools
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.people.entries import person
from mailserver.store.upkeep import usage
from mailserver.store.upkeep.usage import Holder, Usage

UAI = "0210006T"
DEFAULT = Quota(1000, 0)


def somebody(tx: Tx, login: str, role: str, uai: str, octets: int, messages: int) -> int:
    account_id = accounts.adopt(tx, login)
    mailboxes.provision(tx, account_id)
    if role:
        names = {"given_name": "", "surname": "", "given_key": "", "surname_key": "", "name_key": ""}
        who = {"account_id": account_id, "address": f"{login}@ac-exemple.fr", "role": role, "uai": uai}
        tx.execute(insert(person).values(**who, **names, created=1, modified=1))
    inbox = mailboxes.get(tx, account_id, "INBOX")
    tx.execute(update(mailbox).where(mailbox.c.id == inbox.id).values(octets=octets, messages=messages))
    return account_id


@pytest.fixture
def people(store: Store) -> dict[str, int]:
    def make(tx: Tx) -> dict[str, int]:
        schools.upsert(tx, [schools.Facts(UAI, "Lycée Carnot")])
        made = {
            "ada": somebody(tx, "ada", Role.TEACHER.value, UAI, 899, 3),
            "bob": somebody(tx, "bob", Role.TEACHER.value, UAI, 900, 1),
            "carl": somebody(tx, "carl", Role.TEACHER.value, UAI, 2**40, 2**33),
            "dora": somebody(tx, "dora", Role.PUPIL.value, "", 5, 10),
            "accueil@": somebody(tx, "accueil@", "", "", 7, 1),
            "erased": somebody(tx, "erased", Role.PUPIL.value, UAI, 50, 1),
        }
        accounts.set_quota(tx, made["carl"], 0)
        set_message_quota(tx, made["dora"], 10)
        tx.execute(update(account).where(account.c.id == made["erased"]).values(erased=1))
        return made

    return store.write_now(make)


def test_sums_by_school_and_population(store: Store, people: dict[str, int]) -> None:
    assert people
    kept = store.read_now(usage.by_school_and_role, DEFAULT)
    teachers = Usage(UAI, "Lycée Carnot", "teacher", 3, 2**33 + 4, 2**40 + 1799, 2000, unlimited=1, near=1, full=0)
    pupils = Usage("", "", "pupil", 1, 10, 5, 1000, unlimited=0, near=1, full=1)
    assert kept == [Usage("", "", "", 1, 1, 7, 1000, unlimited=0, near=0, full=0), pupils, teachers]
    assert [one.role for one in usage.by_role(kept)] == ["", "pupil", "teacher"]
    assert [(one.uai, one.octets) for one in usage.by_school(kept)] == [(UAI, teachers.octets), ("", 12)]
    assert (usage.total(kept).accounts, usage.total(kept).near, usage.total([]).accounts) == (5, 2, 0)


def test_single_accounts(store: Store, people: dict[str, int]) -> None:
    found = store.read_now(usage.largest, DEFAULT, 2)
    assert [one.login for one in found] == ["carl", "bob"]
    assert found[0] == Holder(people["carl"], "carl", UAI, "teacher", 2**33, 2**40, 0, 0)
    asked = store.read_now(usage.of, DEFAULT, [people["dora"], people["erased"]])
    assert asked == {people["dora"]: Holder(people["dora"], "dora", "", "pupil", 10, 5, 1000, 10)}
