"""Work that no client waits for: what a worker starts is what operators are told."""

import re
from collections.abc import Callable

from mailserver.foundation.settings import load
from mailserver.runtime import background_work, composition, doors
from tests.harness import Instance
from tests.hatchery import ROOT


def test_every_job_is_told_to_operators(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    instance.configure("[login]\nscram = true")
    services = composition.build(load(instance.directory))
    started = {*background_work.of(services), *background_work.of_relay(doors.make_relay(services))}
    services.directory.close()
    services.store.close()
    said = (ROOT / "mailserver" / "README.md").read_text().partition("## Background work\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", said, re.MULTILINE)) == started
