"""Prometheus scrapes a service by the files of `deploy/prometheus`: its alerts fire when something is wrong, and what
alerts and dashboard ask about is there."""

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mailserver.operations.backup import kept
from tests.harness import Instance, workers_of
from tests.hatchery import ROOT
from tests.ports import free_port
from tests.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.needs("prometheus")]
FILES = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "mailserver.json"
DAY = 86_400
SELECTOR = re.compile(r"(\b(?:mailserver_\w+|up\b)(?:\{[^}]*\})?)")
CHOICE = re.compile(r'=~"([\w.]+(?:\|[\w.]+)+)"')
UNSEEN = 'mailserver_dnsbl_questions_total{found="listed"}'
"""What there is only once it has happened: no public peer comes here."""


class Prometheus:
    """One that asks each second, and whose alerts do not wait whether it was but for a moment."""

    def __init__(self, folder: Path, target: int) -> None:
        folder.mkdir()
        settings = (FILES / "prometheus.yml").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{target}")
        settings = "global:\n  evaluation_interval: 1s\n" + settings.replace(
            "scrape_interval: 30s", "scrape_interval: 1s"
        )
        (folder / "prometheus.yml").write_text(settings)
        rules = re.sub(r"(?m)^( +for: ).*$", r"\g<1>0s", (FILES / "alerts.yml").read_text())
        (folder / "alerts.yml").write_text(rules)
        self._address = f"127.0.0.1:{free_port()}"
        options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        self._process = subprocess.Popen(
            ["prometheus", *options, f"--web.listen-address={self._address}", "--log.level=error"]
        )
        until(self._is_up)

    def _is_up(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://{self._address}/-/ready").status_code == 200
        return False

    def firing(self) -> set[str]:
        found = httpx.get(f"http://{self._address}/api/v1/alerts").json()["data"]["alerts"]
        return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}

    def series(self, question: str) -> list[Any]:
        answer = httpx.get(f"http://{self._address}/api/v1/query", params={"query": question}).json()
        assert answer["status"] == "success", (question, answer)
        return list(answer["data"]["result"])

    def value(self, question: str) -> float | None:
        found = self.series(question)
        return float(found[0]["value"][1]) if found else None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def served(fresh: Callable[..., Instance], tmp_path: Path) -> Iterator[tuple[Instance, Prometheus]]:
    instance = fresh()
    instance.start("--workers", "2")
    kept.note_made(instance.directory / "data", time.time())
    kept.note_trial(instance.directory / "data", "x", [])
    watching = Prometheus(tmp_path / "prometheus", instance.ports["http"])
    yield instance, watching
    watching.close()
    instance.stop()


def test_alerts_fire_when_the_service_is_ill_and_when_it_is_gone(served: tuple[Instance, Prometheus]) -> None:
    instance, watching = served
    until(lambda: watching.value('up{job="mailserver"}') == 1.0)
    until(lambda: watching.value("count(mailserver_healthy)"))
    ill = {"MailserverDown", "MailserverNotReady", "MailBackupOld", "MailBackupNever", "MailWorkersEnd", "MailMemory"}
    assert watching.firing() & ill == set()

    kept.note_made(instance.directory / "data", time.time() - 2 * DAY)
    kept.note_trial(instance.directory / "data", "x", ["not whole"])
    until(lambda: {"MailBackupOld", "MailRestoreFailed"} <= watching.firing(), 120)
    for count in range(5):
        (one, *_) = workers_of(instance)
        os.kill(one, signal.SIGKILL)
        until(lambda: (watching.value("sum(mailserver_process_restarts_total)") or 0) > count, 120)  # noqa: B023
    until(lambda: "MailWorkersEnd" in watching.firing(), 120)
    kept.note_made(instance.directory / "data", time.time())
    until(lambda: "MailBackupOld" not in watching.firing(), 120)

    instance.stop()
    until(lambda: "MailserverDown" in watching.firing())
    instance.start("--workers", "1")
    until(lambda: "MailserverDown" not in watching.firing())


def dashboard_questions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [target["expr"].replace("$__rate_interval", "1m") for one in panels for target in one.get("targets", [])]


def selectors(question: str) -> Iterator[str]:
    """The series that it looks at; of a choice of values each by itself."""
    for one in SELECTOR.findall(question):
        choices = [choice.split("|") for choice in CHOICE.findall(one)]
        for chosen in itertools.product(*choices):
            text = one
            for value in chosen:
                text = CHOICE.sub(f'=~"{value}"', text, count=1)
            yield text


def missing(watching: Prometheus, looked: set[str]) -> set[str]:
    return {one for one in looked if not watching.series(one)}


def test_alerts_and_dashboard_ask_about_what_is_there(served: tuple[Instance, Prometheus]) -> None:
    """No panel is empty, and no alert waits for what nothing has, since a name or a label is another one now."""
    _, watching = served
    questions = dashboard_questions()
    alerts = re.findall(r"(?m)^ +expr: '(.*)'$", (FILES / "alerts.yml").read_text(encoding="utf-8"))
    assert len(questions) > 30
    assert len(alerts) > 20
    until(lambda: watching.value("count(mailserver_healthy)"))
    until(lambda: watching.value("max(rate(mailserver_process_cpu_seconds_total[1m]))") is not None)
    looked = {one for text in questions + alerts for one in selectors(text)} - {UNSEEN}
    with contextlib.suppress(AssertionError):  # some are scraped a moment later
        until(lambda: missing(watching, looked) == set(), 30)
    assert missing(watching, looked) == set()
    for text in questions:
        if UNSEEN.partition("{")[0] not in text:
            assert watching.series(text) != [], text
