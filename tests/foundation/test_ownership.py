"""A command that root runs leaves nothing behind that the service cannot open afterwards."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from mailserver.foundation import instance_lock
from mailserver.operations.backup import kept, making
from mailserver.operations.moving import service
from mailserver.store.engine import migrate
from mailserver.store.upkeep.opening import Place

NOBODY = 65534


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Of an instance whose folders are the service's."""
    data = tmp_path / "data"
    data.mkdir()
    for folder in (tmp_path, data):
        os.chown(folder, NOBODY, NOBODY)
    (data / "mail.db").touch()
    os.chown(data / "mail.db", NOBODY, NOBODY)
    return Place(f"sqlite:///{data / 'mail.db'}", data, tmp_path)


@pytest.mark.needs("root")
def test_locks_and_notes_belong_to_whom_the_data_belongs_to(place: Place) -> None:
    kept.note_made(place.data, 1.0)
    kept.note_trial(place.data, "20261201T000000Z-0", [])
    with ExitStack() as held:
        held.callback(os.close, instance_lock.hold(place.settings))
        held.enter_context(making.alone(place))
        held.enter_context(service._alone(place.data, place.settings))
        held.enter_context(migrate.locked(place.url, place.data))
        made = {path.name: path.stat().st_uid for path in place.data.iterdir()}
    names = {"backup.last", "restore-trial.last", "serve.lock", "backup.lock", "backup-work", "move.lock"}
    assert names | {"migrate.lock"} <= made.keys()
    assert {name for name, owner in made.items() if owner != NOBODY} == set()
