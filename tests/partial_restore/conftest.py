"""A demo academy, where it is backed up to, and the words that restore a part of that."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Instance


@dataclass
class Academy:
    """An instance and its backups."""

    instance: Instance
    target: Path
    key: Path

    def back_up(self) -> Any:
        """One more; what it says of itself."""
        new = [] if self.target.exists() else ["--init"]
        words = ("backup", "DIR", self.target, "--key-file", self.key, "--json", *new)
        return json.loads(self.instance.command(*words).stdout)

    def restore(self, *words: object, code: int = 0) -> Any:
        """What `mailserver restore` answers, or the sentence with which it refuses."""
        options = ("--key-file", self.key, "--json", *words)
        result = self.instance.command("restore", self.target, "DIR", *options, check=False)
        assert result.returncode == code, result.stderr
        return json.loads(result.stdout) if result.stdout else result.stderr


@pytest.fixture
def academy(fresh: Callable[..., Instance], tmp_path: Path) -> Academy:
    key = tmp_path / "key"
    key.write_text("une-cle-de-test-assez-longue\n")
    return Academy(fresh("--demo"), tmp_path / "target", key)
