"""Files that were posted to the console and left there."""

import os
from collections.abc import Callable
from pathlib import Path

from mailserver.accounts import uploads
from mailserver.background.upload_sweeping import UploadSweeper
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY
from mailserver.store.engine.transactions import Store
from mailserver.store.upkeep import caretaking
from tests.clocks import MovingClock


async def test_each_host_removes_its_own(make_store: Callable[[], Store], tmp_path: Path) -> None:
    """Also one that never has the turn to keep house; by the clock that dates its files."""
    housekeeper, host = make_store(), make_store()
    assert await housekeeper.write(caretaking.take_lease, housekeeper.worker)
    settings = Settings(domain="ac-exemple.fr", directory=tmp_path / "host")
    settings.data.mkdir(parents=True)
    clock = MovingClock()
    sweeper = UploadSweeper(settings=settings, store=host, clock=clock)
    assert await sweeper.sweep() == 0
    left, fresh = uploads.place(settings, "left", "people.csv"), uploads.place(settings, "fresh", "people.csv")
    for path, age in ((left, DAY + 60), (fresh, DAY - 3600)):
        path.write_text("NUMEN")
        os.utime(path, (clock.wall() - age, clock.wall() - age))
    clock.ahead = 2 * DAY
    assert await sweeper.sweep() == 1
    assert (left.exists(), fresh.exists()) == (False, True)
    fresh.unlink()
    uploads.folder(settings).rmdir()
    (settings.data / "uploads").write_text("no folder")
    assert await sweeper.sweep() == 0
