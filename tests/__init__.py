"""Tests assert behaviour through public doors, with real components; see `tests/README.md`."""
