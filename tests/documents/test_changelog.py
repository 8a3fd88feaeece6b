"""The changelog tells operators each release, its day, and what its migrations do to their database."""

import datetime
import itertools
import re

from mailserver import __version__
from mailserver.store.engine import migrate
from tests.hatchery import ROOT

TEXT = (ROOT / "CHANGELOG.md").read_text()
HEADINGS = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
PREPARED = "in preparation"


def _release(heading: str) -> tuple[tuple[int, ...], str]:
    found = re.fullmatch(r"(\d+\.\d+\.\d+) \((.+)\)", heading)
    assert found is not None, f"not a version and a day: {heading}"
    return tuple(map(int, found[1].split("."))), found[2]


RELEASES = [_release(heading) for heading in HEADINGS]


def test_the_newest_release_is_the_version_of_the_program() -> None:
    assert HEADINGS[0].split()[0] == __version__


def test_releases_descend_and_all_but_the_newest_have_their_day() -> None:
    assert all(newer[0] > older[0] for newer, older in itertools.pairwise(RELEASES))
    days = [datetime.date.fromisoformat(day) for _, day in RELEASES if day != PREPARED]
    assert len(days) >= len(RELEASES) - 1
    assert all(newer >= older for newer, older in itertools.pairwise(days))


def test_every_migration_belongs_to_one_release() -> None:
    """A migration is what an operator waits for: the release that brings it says how long."""
    told: list[int] = []
    for first, _, last in reversed(re.findall(r"Schema (\d{4})( to (\d{4}))?", TEXT)):
        told.extend(range(int(first), int(last or first) + 1))
    assert told == list(range(1, int(max(migrate.newest())) + 1))


def test_every_release_but_the_first_says_what_to_do() -> None:
    releases = re.split(r"^## .+$", TEXT, flags=re.MULTILINE)[1:]
    for heading, said in zip(HEADINGS[:-1], releases[:-1], strict=True):
        assert "### At upgrade" in said, heading
        assert "### What " in said, heading


def test_every_release_in_preparation_has_room_for_renamed_log_events() -> None:
    """Whoever watches the log looks for names."""
    if RELEASES[0][1] == PREPARED:
        assert "### Log events renamed" in TEXT.partition(HEADINGS[1])[0]
