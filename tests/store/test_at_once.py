"""What two ask for at the same moment is there once, and an error for neither."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from mailserver.model.account.preferences import Preferences
from mailserver.model.account.quiet_hours import Hours
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import ListKind, Population
from mailserver.store.account import bulletins, forwards, jobs, recoveries, rules, secured, stored_preferences
from mailserver.store.account.bulletins import Draft, Kind
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import known_senders
from mailserver.store.mail.access import boxes
from mailserver.store.people import school_hours, schools
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.schools import Facts
from mailserver.store.queue import sent_counts
from mailserver.store.record.audit import Origin
from mailserver.store.schema.mail.messages import orphan
from mailserver.store.web import push_subscriptions
from mailserver.store.web.push_subscriptions import NewSubscription
from tests.conftest import StoreMaker
from tests.store.test_moments import behind
from tests.waiting import PATIENCE

ADMIN = Origin("admin", "test")
LATER = 1 << 33


async def both(store: Store, first: Callable[[Tx], Any], second: Callable[[Tx], Any]) -> list[Any]:
    """The second begins before the first is committed."""
    done, goes_on = threading.Event(), threading.Event()

    def held(tx: Tx) -> None:
        first(tx)
        done.set()
        assert goes_on.wait(PATIENCE)

    def begun(tx: Tx) -> None:
        goes_on.set()
        second(tx)

    before = asyncio.create_task(store.write(held))
    assert await asyncio.to_thread(done.wait, PATIENCE)
    after = asyncio.create_task(store.write(begun))
    if store.keeps_order:  # where one writes, the other waits before it has begun
        goes_on.set()
    return list(await asyncio.gather(before, after, return_exceptions=True))


async def test_an_announcement_is_closed_twice(store: Store, edupont: int) -> None:
    number = await store.write(bulletins.post, Origin("admin", "test"), Draft(Kind.ANNOUNCEMENT, 0, 0, "Ceci"))
    (one,) = await store.read(bulletins.listing)

    def close(tx: Tx) -> None:
        bulletins.close(tx, edupont, number, one.written)

    assert await both(store, close, close) == [None, None]
    assert set(await store.read(bulletins.closed, edupont)) == {number}


async def test_two_people_subscribe_with_one_endpoint(store: Store, edupont: int, mmartin: int) -> None:
    def subscribe(account_id: int) -> Callable[[Tx], Any]:
        browser = bytes([account_id]) * 32
        new = NewSubscription("https://push.example.org/a", b"p", b"s", browser, "Firefox", "fr")
        return lambda tx: push_subscriptions.subscribe(tx, account_id, new)

    first, second = await both(store, subscribe(edupont), subscribe(mmartin))
    assert first is None
    assert second is None or (isinstance(second, Refused) and second.reason is Reason.CONFLICT)
    told = [await store.read(push_subscriptions.listing, account_id) for account_id in (edupont, mmartin)]
    assert [len(one) for one in told] == ([0, 1] if second is None else [1, 0])


FIRSTS: dict[str, Callable[[Tx, int, int], Any]] = {
    "rule": lambda tx, *_: rules.forbid(tx, ADMIN, Population.PUPIL, Population.OUTSIDE, denied=True),
    "brake": lambda tx, _, number: rules.brake(tx, ADMIN, Population.PUPIL, LATER + number, "Vague"),
    "allowance": lambda tx, who, number: sent_counts.allow(tx, who, number + 2, LATER),
    "box": lambda tx, *_: boxes.ensure(tx, "scola@x.fr"),
    "preferences": lambda tx, who, _: stored_preferences.save_preferences(tx, who, Preferences()),
    "trust": lambda tx, who, _: known_senders.trust(tx, who, "marie@x.fr"),
    "recovery": lambda tx, who, number: recoveries.propose(tx, who, f"{number}@x.fr", b"code", LATER),
    "forward": lambda tx, who, number: forwards.ask(tx, who, f"{number}@x.fr", bytes([number]) * 32, LATER),
    "school": lambda tx, *_: len(schools.upsert(tx, [Facts("0750001A", "Lycée")])),
    "hours": lambda tx, *_: school_hours.decide(tx, ADMIN, "0751234B", Hours()),
    "secured": lambda tx, who, _: secured.keep(tx, who, "admin", {}),
}
"""What is put where nothing is yet: by somebody, and by somebody else."""


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
@pytest.mark.parametrize("name", FIRSTS)
def test_of_two_first_ones_the_second_comes_after(
    store: Store, make_store: StoreMaker, edupont: int, name: str
) -> None:
    store.write_now(lists.create, "scola@x.fr", "", "", {"kind": ListKind.FUNCTION.value})
    store.write_now(schools.upsert, [Facts("0751234B", "Collège")])
    put = FIRSTS[name]
    behind(make_store, lambda tx: put(tx, edupont, 0), lambda tx: put(tx, edupont, 1))


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
def test_the_second_of_two_first_ones_holds(store: Store, make_store: StoreMaker, edupont: int) -> None:
    def allow(times: int) -> Callable[[Tx], Any]:
        return lambda tx: sent_counts.allow(tx, edupont, times, LATER)

    behind(make_store, allow(2), allow(5))
    assert [one.factor for one in store.read_now(sent_counts.allowances)] == [5]


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
def test_of_two_imports_one_is_begun(store: Store, make_store: StoreMaker, edupont: int) -> None:
    def begin(tx: Tx) -> None:
        jobs.begin_alone(tx, ("plan", "apply"), "plan", edupont, "edupont", "", {})

    behind(make_store, begin, begin)
    assert len(store.read_now(jobs.listing, 9)) == 1


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
def test_of_two_tables_of_rules_one_is_left(store: Store, make_store: StoreMaker) -> None:
    def table(recipient: Population) -> Callable[[Tx], Any]:
        return lambda tx: rules.set_table(tx, ADMIN, "test", [(Population.PUPIL, recipient)])

    behind(make_store, table(Population.OUTSIDE), table(Population.STAFF))
    assert store.read_now(rules.load).denied == {(Population.PUPIL, Population.STAFF)}


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
def test_two_relays_count_what_an_address_refuses(store: Store, make_store: StoreMaker, edupont: int) -> None:
    token, target = b"t" * 32, "loin@x.fr"
    store.write_now(forwards.ask, edupont, target, token, LATER)
    store.write_now(forwards.agree, token)

    def judge(tx: Tx) -> None:
        forwards.judge(tx, edupont, (), (target,))

    behind(make_store, judge, judge)
    agreed, _ = store.read_now(forwards.of_account, edupont)
    assert agreed is not None
    assert agreed.refusals == 2


async def test_what_is_there_for_good_is_an_error_still(store: Store) -> None:
    """It is tried again a few times, for a row might be another's, and then said as it is."""

    def add(tx: Tx) -> None:
        tx.execute(insert(orphan).values(id=1, content_id=1, since=0))

    await store.write(add)
    with pytest.raises(IntegrityError):
        await store.write(add)
