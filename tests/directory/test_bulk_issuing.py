"""Names for many people at once: the same as one after the other, by few questions."""

import itertools
from collections.abc import Collection, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.issuing import bulk_issuing, identifiers
from directory.issuing.bulk_issuing import Wish
from directory.issuing.identifiers import is_reserved
from directory.issuing.issuing import Issued
from mailserver.store.engine.transactions import Store
from tests.directory.conftest import DOMAIN
from tests.directory.test_issuing import enrol


class Given(dict[str, int]):
    """`bulk_issuing.Names` over a dictionary; counts questions."""

    asked = 0

    def taken(self, names: Collection[str]) -> dict[str, int]:
        self.asked += 1
        return {name: self[name] for name in names if name in self}

    def numbered(self, base: str) -> dict[str, int]:
        self.asked += 1
        return {name: owner for name, owner in self.items() if f"{base}0" <= name < f"{base}:"}

    def one_by_one(self, wishes: Sequence[Wish]) -> list[Issued | None]:
        """The same by the plainest rule: the lowest number that is free, one person after the other."""
        done: list[Issued | None] = []
        for wish in wishes:
            base = identifiers.identifier(wish.given_name, wish.surname)
            local = identifiers.local_part(wish.given_name, wish.surname)
            free = (f"{base}{number or ''}" for number in itertools.count())
            login = wish.login or next(
                one for one in free if one not in self and f"{one}@{DOMAIN}" not in self and not is_reserved(one)
            )
            alias = f"{login}@{DOMAIN}"
            if login in self or alias in self:
                done.append(None)
                continue
            addresses = ((f"{local}{number or ''}", f"{local}{number or ''}@{DOMAIN}") for number in itertools.count())
            address = next(
                one for name, one in addresses if one == alias or (one not in self and not is_reserved(name))
            )
            done.append(Issued(login, address, (alias,) if alias != address else ()))
            self.update(dict.fromkeys((login, alias, address), 1))
        return done


_NAME = st.sampled_from(
    [
        ("Jean", "Martin"),
        ("Jeanne", "Martin"),
        ("", "Abuse"),
        ("Anne", "Roy"),
        ("Anne-Roy", ""),
        ("Direction", "0210006T"),
    ]
)
_WISH = st.builds(
    lambda name, login: Wish(name[0], name[1], login),
    _NAME,
    st.sampled_from(["", "", "", "jmartin1", "anne.roy", "aroy2", "jean.martin1"]),
)
_HAD = st.sampled_from(["jmartin", "jmartin1", "jmartin3", f"jean.martin@{DOMAIN}", f"aroy@{DOMAIN}", "abuse1"])


@settings(max_examples=200, deadline=None)
@given(st.sets(_HAD), st.lists(st.lists(_WISH, max_size=8), max_size=4))
def test_many_at_a_time_are_as_one_after_the_other(had: set[str], batches: list[list[Wish]]) -> None:
    """Whatever was issued before, however people come in batches, and whatever was learned from the last one."""
    plain = Given(dict.fromkeys(had, 1))
    quick = Given(plain)
    hints: bulk_issuing.Hints = {}
    for batch in batches:
        answers, learned = bulk_issuing.issue_many(quick, DOMAIN, batch, hints)
        bulk_issuing.keep_hints(hints, learned)
        issued = [answer if isinstance(answer, Issued) else None for answer in answers]
        assert issued == plain.one_by_one(batch)
        quick.update({name: 1 for one in issued if one is not None for name in one.names})


@pytest.mark.parametrize("renamed_first", [False, True])
def test_a_new_person_and_a_new_name_of_one_batch_share_no_address(store: Store, renamed_first: bool) -> None:
    """The names that a batch has given out are taken, though nobody has claimed them yet."""
    known = enrol(store, "Jeanne", "Ancien")
    both = [Wish("Jeanne", "Martin"), Wish("Jeanne", "Martin", account_id=known.account_id), Wish("Jeanne", "Martin")]
    if renamed_first:
        both.reverse()
        both[0], both[1] = both[1], both[0]
    answers, _ = store.read_now(lambda tx: bulk_issuing.issue_many(bulk_issuing.ClaimedNames(tx), DOMAIN, both, {}))
    issued = [answer.address for answer in answers if isinstance(answer, Issued)]
    assert len(issued) == 3
    assert set(issued) == {f"jeanne.martin{number}@{DOMAIN}" for number in ("", 1, 2)}


def test_homonyms_by_the_thousand_cost_one_question() -> None:
    names = Given()
    hints: bulk_issuing.Hints = {}
    for _ in range(3):
        names.asked = 0
        answers, learned = bulk_issuing.issue_many(names, DOMAIN, [Wish("Jean", "Martin")] * 1000, hints)
        bulk_issuing.keep_hints(hints, learned)
        names.update({name: 1 for one in answers if isinstance(one, Issued) for name in one.names})
        assert names.asked == 1
    assert "jmartin2999" in names
    # A process that knows nothing yet learns all numbers of a name at once.
    names.asked = 0
    (answer,), _ = bulk_issuing.issue_many(names, DOMAIN, [Wish("Jean", "Martin")], {})
    assert isinstance(answer, Issued)
    assert (answer.login, names.asked < 10) == ("jmartin3000", True)


def test_hints_are_bounded() -> None:
    hints: bulk_issuing.Hints = {}
    for number in range(3):
        bulk_issuing.keep_hints(hints, {f"{number}-{one}": 1 for one in range(bulk_issuing.MAX_HINTS // 2)})
        assert len(hints) <= bulk_issuing.MAX_HINTS
