"""What `check` finds is named for people, whoever finds it."""

import re
from pathlib import Path

from mailserver.operations import health
from mailserver.operations.health.findings import SUBJECTS

_MADE = re.compile(r'Finding\(\s*"([a-z]+)"')


def test_every_subject_has_its_name() -> None:
    found = {
        subject for path in Path(health.__path__[0]).rglob("*.py") for subject in _MADE.findall(path.read_text("utf-8"))
    }
    assert {"dkim", "settings"} <= found <= SUBJECTS.keys()
