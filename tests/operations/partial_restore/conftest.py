"""A demo academy, where it is backed up to, and how a part of that is restored."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailserver.cli.shared import settings_of
from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.operations.backup import opened
from mailserver.operations.backup.making import Target
from mailserver.operations.health.instance import place_of
from mailserver.operations.partial_restore.whose import Run
from mailserver.store.engine.transactions import Store
from mailserver.store.record.audit import Origin
from tests.harness import Instance


@dataclass
class Academy:
    """An instance and its backups."""

    instance: Instance
    target: Path
    key: Path

    def back_up(self) -> Any:
        """The first one; what it says of itself."""
        words = ("backup", "DIR", self.target, "--key-file", self.key, "--json", "--init")
        return json.loads(self.instance.command(*words).stdout)

    def restore(self, *words: object, code: int = 0) -> Any:
        """What `mailserver restore` answers, or the sentence with which it refuses."""
        options = ("--key-file", self.key, "--json", *words)
        result = self.instance.command("restore", self.target, "DIR", *options, check=False)
        assert result.returncode == code, result.stderr
        return json.loads(result.stdout) if result.stdout else result.stderr

    @contextlib.contextmanager
    def opened(self) -> Iterator[Run]:
        """The newest backup once, for several restores."""
        settings = settings_of(self.instance.directory)
        store = Store(settings.database_url, settings.data, SystemClock(), Changes(), readers=1, writers=1)
        target = Target(str(self.target), self.key)
        try:
            with opened.opened(place_of(settings), target, lambda what, part: None) as backup:
                yield Run(backup, store, settings, Origin("essai", "console"))
        finally:
            store.close()


@pytest.fixture
def academy(fresh: Callable[..., Instance], tmp_path: Path) -> Academy:
    key = tmp_path / "key"
    key.write_text("une-cle-de-test-assez-longue\n")
    return Academy(fresh("--demo"), tmp_path / "target", key)
