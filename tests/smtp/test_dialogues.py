"""Every dialogue: line by line, octet by octet, all at once, and under TLS."""

import pytest

from smtp.capabilities import CAPABILITIES, Capability
from tests.smtp.dialogues import FOLDER, Dialogue, play, read
from tests.smtp.house import House

DIALOGUES = [read(path) for path in sorted(FOLDER.glob("*.txt"))]
IN_THE_CLEAR = [
    dialogue for dialogue in DIALOGUES if not dialogue.tls and not dialogue.login and dialogue.door != "submission"
]


def name(dialogue: Dialogue) -> str:
    return dialogue.name


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=name)
def test_line_by_line(dialogue: Dialogue, house: House) -> None:
    play(dialogue, house)


@pytest.mark.parametrize("dialogue", [dialogue for dialogue in DIALOGUES if not dialogue.whole], ids=name)
def test_octet_by_octet(dialogue: Dialogue, house: House) -> None:
    play(dialogue, house, octetwise=True)


@pytest.mark.parametrize("dialogue", [dialogue for dialogue in DIALOGUES if not dialogue.alone], ids=name)
def test_pipelined(dialogue: Dialogue, house: House) -> None:
    play(dialogue, house, pipelined=True)


@pytest.mark.parametrize(
    "dialogue", [one for one in IN_THE_CLEAR if "starttls" not in one.name and "require_tls" not in one.name], ids=name
)
def test_under_tls(dialogue: Dialogue, house: House) -> None:
    play(dialogue, house, tls=True)


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda one: one.keyword)
def test_every_capability_has_a_dialogue(capability: Capability) -> None:
    """A capability is a promise."""
    promise = f"{capability.keyword}: "
    assert any(
        promise in line for path in FOLDER.glob("*.txt") for line in path.read_text().split("\n") if line[:1] == "#"
    )
