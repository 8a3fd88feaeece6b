"""Entries of the address book without an account, on both engines."""

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.transactions import Store
from mailserver.store.people import contacts
from mailserver.store.people.search.conditions import (
    All,
    Condition,
    Contains,
    Equals,
    Everything,
    Field,
    Negation,
    Nothing,
    Present,
    Some,
)

MARTIN = {"cn": ["Zoé Martin"], "sn": ["Martin"], "mail": ["Zoe@Ailleurs.example", "z@ailleurs.example"]}


async def test_the_life_of_an_entry(store: Store) -> None:
    made = await store.write(contacts.add, "cn=zoé martin", "cn=Zoé Martin", MARTIN)
    found = await store.read(contacts.get, "cn=zoé martin")
    assert found is not None
    assert (found.id, found.rdn, dict(found.attributes)) == (
        made,
        "cn=Zoé Martin",
        {name: tuple(values) for name, values in MARTIN.items()},
    )
    await store.write(contacts.change, made, {"cn": ["Zoé Martin"], "sn": ["Petit"]})
    await store.write(contacts.rename, made, "cn=zoé petit", "cn=Zoé Petit", {"cn": ["Zoé Petit"], "sn": ["Petit"]})
    assert await store.read(contacts.get, "cn=zoé martin") is None
    assert await store.read(contacts.stands, "cn=zoé petit")
    assert await store.write(contacts.remove, made)
    assert not await store.write(contacts.remove, made)
    with pytest.raises(Refused) as caught:
        await store.write(contacts.change, made, MARTIN)
    assert caught.value.reason is Reason.NOT_FOUND


async def test_a_name_stands_once(store: Store) -> None:
    await store.write(contacts.add, "cn=a", "cn=a", MARTIN)
    other = await store.write(contacts.add, "cn=b", "cn=b", MARTIN)
    with pytest.raises(Refused) as caught:
        await store.write(contacts.add, "cn=a", "cn=A", MARTIN)
    assert caught.value.reason is Reason.CONFLICT
    with pytest.raises(Refused):
        await store.write(contacts.rename, other, "cn=a", "cn=a", MARTIN)
    await store.write(contacts.rename, other, "cn=b", "cn=B", MARTIN)


async def test_conditions_let_too_much_through_but_never_too_little(store: Store) -> None:
    for name in ("Zoé Martin", "Anne Martin", "100%_sûr"):
        await store.write(contacts.add, f"cn={name}", f"cn={name}", {"cn": [name], "mail": [f"{name[0]}@x.example"]})

    async def found(condition: Condition) -> list[str]:
        return [one.rdn[3:] for one in await store.read(contacts.matching, condition, 10)]

    assert await found(Equals(Field.NAME, "zoe martin")) == ["Zoé Martin"]
    assert await found(Contains(Field.SURNAME, middle=("mart",))) == ["Zoé Martin", "Anne Martin"]
    assert await found(Contains(Field.NAME, initial="100%_")) == ["100%_sûr"]
    assert await found(Equals(Field.ADDRESS, "A@X.example")) == ["Anne Martin"]
    assert await found(Some((Equals(Field.ADDRESS, "a@x.example"), Contains(Field.NAME, final="sur")))) == [
        "Anne Martin",
        "100%_sûr",
    ]
    assert len(await found(All((Negation(Equals(Field.NAME, "zoe")), Present(Field.NAME), Everything())))) == 3
    assert len(await found(Equals(Field.ROLE, "teacher"))) == 3
    assert await found(Nothing()) == []
    pages = [await store.read(contacts.matching, Everything(), 2, after) for after in (0, 2)]
    assert [len(page) for page in pages] == [2, 1]


@pytest.mark.parametrize(
    "attributes",
    [
        {"cn": ["x"] * (contacts.MAX_VALUES + 1)},
        {"description": ["x" * (contacts.MAX_VALUE + 1)]},
        {"description": ["é" * contacts.MAX_VALUE + str(number) for number in range(16)]},
        {"cn": ["x" * contacts.MAX_KEY, "y"]},
    ],
)
async def test_bounds(store: Store, attributes: dict[str, list[str]]) -> None:
    with pytest.raises(Refused) as caught:
        await store.write(contacts.add, "cn=a", "cn=a", attributes)
    assert caught.value.reason is Reason.LIMIT
