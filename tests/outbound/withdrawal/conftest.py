"""The academy of the background jobs, whose clock moves."""

from tests.background.conftest import house

__all__ = ["house"]
