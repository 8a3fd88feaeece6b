"""A person's entry as a mapping: its attributes are computed when somebody looks at them."""

from collections.abc import ItemsView, Iterator, Mapping, Sequence
from typing import Any, cast

from directory.entries.person_attributes import MADE, Facts, all_values, values_of


class PersonAttributes(Mapping[str, Sequence[str]]):
    """The attributes of a person's entry, operational ones included: mostly two or three of them are looked at."""

    __slots__ = ("_facts", "_held")

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._held: dict[str, Sequence[str]] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """The values, or the default where there are none."""
        values = values_of(self._facts, name) if self._held is None else self._held.get(name)
        return values or default

    def __getitem__(self, name: str) -> Sequence[str]:
        values = self.get(name)
        if values is None:
            raise KeyError(name)
        return cast("Sequence[str]", values)

    def _whole(self) -> dict[str, Sequence[str]]:
        if self._held is None:
            self._held = all_values(self._facts, MADE)
        return self._held

    def items(self) -> ItemsView[str, Sequence[str]]:
        return self._whole().items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())
