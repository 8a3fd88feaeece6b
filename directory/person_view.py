"""The attributes of a person's entry, computed when somebody looks at them; numbers and times as entries write them."""

import time
import uuid
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from directory import schema
from directory.person_entries import COMPUTED, Person, person_attributes, person_classes, values_of

NAMESPACE = uuid.UUID(int=int(schema.ARC.rpartition(".")[2]))
_ACCOUNTS = f"{str(NAMESPACE)[:13]}-8"
"""How the UUIDs of accounts begin: a version 8 UUID is for whoever makes it to lay out (RFC 9562 section 5.8)."""


def account_uuid(account_id: int) -> str:
    """The UUID of an account's entry: it says the number, so that it can be searched."""
    digits = f"{account_id:015x}"
    return f"{_ACCOUNTS}000-8{digits[:3]}-{digits[3:]}"


def account_of(text: str) -> int:
    """The account's number in the UUID of its entry; 0 when it is no such UUID."""
    text = text.lower()
    if len(text) != 36 or not text.startswith(f"{_ACCOUNTS}000-8"):
        return 0
    try:
        return int(text[20:23] + text[24:], 16)
    except ValueError:
        return 0


@lru_cache(maxsize=1024)
def generalized_time(seconds: int) -> str:
    """Seconds since the epoch as Generalized Time (RFC 4517 section 3.3.13)."""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


class PersonAttributes(Mapping[str, Sequence[str]]):
    """The attributes of a person's entry, operational ones included: most searches look at two or three of them."""

    __slots__ = ("_created", "_dn", "_held", "_modified", "_person", "_subschema")

    def __init__(self, dn: str, person: Person, created: int, modified: int, subschema: Sequence[str]) -> None:
        self._dn = dn
        self._subschema = subschema
        self._person = person
        self._created = created
        self._modified = modified
        self._held: dict[str, Sequence[str]] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """The values, or the default where there are none."""
        values = self._computed(name) if self._held is None else self._held.get(name)
        return values or default

    def __getitem__(self, name: str) -> Sequence[str]:
        values = self.get(name)
        if values is None:
            raise KeyError(name)
        return cast("Sequence[str]", values)

    def _computed(self, name: str) -> Sequence[str]:
        if name in COMPUTED:
            return values_of(self._person, name)
        operational = _OF_PEOPLE.get(name)
        return operational(self) if operational is not None else values_of(self._person, name)

    def _whole(self) -> dict[str, Sequence[str]]:
        if self._held is None:
            held: dict[str, Sequence[str]] = {"objectClass": person_classes(self._person)}
            held |= person_attributes(self._person)
            for name, operational in _OF_PEOPLE.items():
                values = operational(self)
                if values:
                    held[name] = values
            self._held = held
        return self._held

    def items(self) -> ItemsView[str, Sequence[str]]:
        return self._whole().items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def classes(self) -> Sequence[str]:
        return person_classes(self._person)

    def uuid(self) -> Sequence[str]:
        number = self._person.account_id
        return (account_uuid(number) if number else str(uuid.uuid5(NAMESPACE, self._dn)),)

    def created(self) -> Sequence[str]:
        return (generalized_time(self._created),) if self._created else ()

    def modified(self) -> Sequence[str]:
        return (generalized_time(self._modified),) if self._modified else ()

    def entry_dn(self) -> Sequence[str]:
        return (self._dn,)

    def subschema(self) -> Sequence[str]:
        return self._subschema


_INET_ORG_PERSON, _LEAF = ("inetOrgPerson",), ("FALSE",)
_OF_PEOPLE: dict[str, Callable[[PersonAttributes], Sequence[str]]] = {
    "objectClass": PersonAttributes.classes,
    "createTimestamp": PersonAttributes.created,
    "modifyTimestamp": PersonAttributes.modified,
    "entryDN": PersonAttributes.entry_dn,
    "entryUUID": PersonAttributes.uuid,
    "structuralObjectClass": lambda _: _INET_ORG_PERSON,
    "hasSubordinates": lambda _: _LEAF,
    "subschemaSubentry": PersonAttributes.subschema,
}
