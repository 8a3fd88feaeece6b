"""Alert rules and dashboard: Prometheus takes them, each alert fires, every metric that they name is one of ours."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from mailserver.operations.backup import kept
from mailserver.operations.health import figures
from tests.hatchery import ROOT
from tests.waiting import PATIENCE
from tests.webui.house import House, Visitor

PROMETHEUS, GRAFANA = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana"
ALERTS = PROMETHEUS / "alerts.yml"
RATE_INTERVAL = "$__rate_interval"
SUFFIXES = re.compile(r"_(?:bucket|sum|count)$")


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((GRAFANA / "mailserver.json").read_text(encoding="utf-8"))
    return list(dashboard["panels"])


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", [])]


def named(text: str) -> set[str]:
    return {SUFFIXES.sub("", name) for name in re.findall(r"\bmailserver_[a-z_]+", text)}


def promtool(*args: object) -> str:
    # It writes and syncs a small database for each series of a test: in memory, where that is quick.
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()
    said = subprocess.run(
        ["promtool", *map(str, args)],
        cwd=PROMETHEUS,
        env=os.environ | {"TMPDIR": memory},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


@pytest.mark.needs("promtool")
def test_prometheus_takes_the_rules_and_its_settings() -> None:
    assert "SUCCESS" in promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "prometheus.yml")


@pytest.mark.needs("promtool")
def test_each_alert_fires_where_its_fault_is_and_nowhere_else() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")


def test_each_alert_is_shown_to_fire_and_to_keep_silent() -> None:
    alerts = re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8"))
    shown = (PROMETHEUS / "alerts_test.yml").read_text(encoding="utf-8")
    assert len(alerts) == len(set(alerts)) > 20
    for name in alerts:
        assert len(re.findall(rf"alertname: {name}\n\s+exp_alerts:\n\s+- exp_labels", shown)) == 1, name
        assert len(re.findall(rf"alertname: {name}\n\s+exp_alerts: \[\]", shown)) == 1, name


@pytest.mark.needs("promtool")
def test_prometheus_understands_each_expression_of_the_dashboard(tmp_path: Path) -> None:
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for number, text in enumerate(expressions()):
        quoted = text.replace(RATE_INTERVAL, "5m").replace("'", "''")
        lines += [f"      - record: panel:{number}", f"        expr: '{quoted}'"]
    path = tmp_path / "dashboard.yml"
    path.write_text("\n".join(lines) + "\n")
    assert f"{len(expressions())} rules found" in promtool("check", "rules", path)


def test_the_dashboard_is_one_that_grafana_lays_out() -> None:
    shown = panels()
    assert len({panel["id"] for panel in shown}) == len(shown)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in shown]
    assert len(set(places)) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in shown)
    assert all(panel["title"] for panel in shown)
    assert all(panel["datasource"]["uid"] == "${source}" for panel in shown if panel["type"] != "row")


def test_every_metric_that_is_named_is_one_of_ours(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "REMEMBERED", 0.0)
    kept.note_made(house.settings.data, 1_700_000_000.0)
    kept.note_trial(house.settings.data, "x", ["not whole"])
    ours = set(re.findall(r"(?m)^# TYPE (mailserver_\w+) ", visitor.get("/metrics").text))
    assert len(ours) > 50
    wanted = named("\n".join(expressions()))
    for path in sorted(PROMETHEUS.iterdir()):
        wanted |= named(path.read_text(encoding="utf-8"))
    assert wanted - ours == set()
