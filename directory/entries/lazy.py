"""Attributes of an entry that are put together when somebody looks at them: mostly nobody does."""

from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from typing import Any

Values = Sequence[str]


class LateAttributes(Mapping[str, Values]):
    """Attributes by name. `carried` names all that there may be: any other is known not to be there."""

    __slots__ = ("_carried", "_held", "_make")

    def __init__(self, carried: frozenset[str], make: Callable[[], Mapping[str, Values]]) -> None:
        self._carried = carried
        self._make = make
        self._held: Mapping[str, Values] | None = None

    def _whole(self) -> Mapping[str, Values]:
        if self._held is None:
            self._held = self._make()
        return self._held

    def get(self, name: str, default: Any = None) -> Any:
        """The values, or the default where there are none."""
        return self._whole().get(name, default) if name in self._carried else default

    def __getitem__(self, name: str) -> Values:
        return self._whole()[name]

    def items(self) -> ItemsView[str, Values]:
        return self._whole().items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())
