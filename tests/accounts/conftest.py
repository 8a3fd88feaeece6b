"""The academy whose clock the test moves, here as in `tests.background`."""

from tests.background.conftest import house

__all__ = ["house"]
