"""Work that no client waits for: what a worker starts is what operators are told."""

import re
from pathlib import Path

from mailserver.foundation.settings import Settings
from mailserver.runtime import app
from tests.hatchery import ROOT


def test_every_job_is_told_to_operators(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    settings = Settings(domain="ac-exemple.fr", directory=tmp_path, login={"scram": True})  # type: ignore[arg-type]
    services = app.build(settings)
    started = set(app._background(services))
    services.directory.close()
    services.store.close()
    said = (ROOT / "mailserver" / "README.md").read_text().partition("## Background work\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", said, re.MULTILINE)) == started
