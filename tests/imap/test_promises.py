"""A capability is a promise: announced, documented, cited where it is kept, and shown by a dialogue."""

import importlib.util
import re
from pathlib import Path

import pytest

from imap import commands
from imap.session.capabilities import CAPABILITIES, ENABLES
from imap.session.states import ANY
from imap.wire import commands as vocabulary
from tests.imap import dialogues

ROOT = Path(__file__).parent.parent.parent
_ROW = re.compile(r"\| (\d+) \| (.+?) \| `(\S+)` \| D `(\w+)` \|")
ROWS = {
    int(row[1]): (row[2], row[3], row[4])
    for row in map(_ROW.match, (ROOT / "imap/README.md").read_text().splitlines())
    if row
}


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None, f"{module} does not exist"
    assert spec.origin is not None
    return Path(spec.origin).read_text()


@pytest.mark.parametrize("promise", CAPABILITIES, ids=lambda promise: promise.name)
def test_every_capability_is_documented_and_cited(promise: object) -> None:
    assert isinstance(promise, type(CAPABILITIES[0]))
    what, _, _ = ROWS[promise.rfc]
    assert promise.name in what, f"the README's row of RFC {promise.rfc} does not name {promise.name}"
    assert f"RFC {promise.rfc}" in _source(promise.module), f"{promise.module} does not cite RFC {promise.rfc}"


@pytest.mark.parametrize("number", ROWS)
def test_every_documented_rfc_is_cited_and_played(number: int) -> None:
    _, module, dialogue = ROWS[number]
    assert f"RFC {number}" in _source(module), f"{module} does not cite RFC {number}"
    assert f"RFC {number}" in (dialogues.FOLDER / f"{dialogue}.txt").read_text()


def test_every_rfc_of_the_door_has_a_row() -> None:
    """Of the commands and the session."""
    known = ROWS.keys()
    for path in (ROOT / "imap").glob("*.py"):
        assert {int(found) for found in re.findall(r"RFC (\d+)", path.read_text())} <= known, path
    for path in (ROOT / "imap" / "commands").glob("*.py"):
        assert {int(found) for found in re.findall(r"RFC (\d+)", path.read_text())} <= known, path


def test_what_can_be_enabled_is_announced() -> None:
    assert {capability.name for capability in CAPABILITIES} >= ENABLES


def test_no_capability_is_announced_twice() -> None:
    assert len({capability.name for capability in CAPABILITIES}) == len(CAPABILITIES)
    assert all(capability.states <= ANY for capability in CAPABILITIES)


def test_what_has_a_grammar_is_served() -> None:
    assert set(vocabulary.Command.__args__) == set(commands.TABLE)
