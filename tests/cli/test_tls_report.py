"""`mailserver reports tls`: what others said of TLS with us, and what we will say of theirs."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailserver.__main__ import app
from mailserver.background import tls_report_sending
from mailserver.cli.outgoing import tls_report
from mailserver.cli.shared import settings_of, with_store
from mailserver.model.clock import DAY
from mailserver.model.sending import tls_sessions
from mailserver.model.sending.tls_sessions import Published, Session
from mailserver.store.engine.transactions import Store
from mailserver.store.reports import tls_seen
from mailserver.store.reports.daily_counts import Due
from mailserver.texts import command_line
from mailserver.texts.languages import FRENCH
from tests.harness import Instance
from tests.ports import free_port
from tests.reports.samples import tls

WELL = Session("a.example", Published("tlsa"))
EXPIRED = Session("a.example", Published("tlsa"), tls_sessions.EXPIRED, "mx.a.example", "192.0.2.1")


@pytest.fixture
def academy(fresh: Callable[..., Instance]) -> Instance:
    instance = fresh()
    instance.configure(f'[dns]\nnameservers = ["127.0.0.1:{free_port("127.0.0.1")}"]')
    return instance


def show(academy: Instance, *args: str) -> str:
    done = CliRunner().invoke(app, ["reports", "tls", str(academy.directory), *args])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_both_directions(academy: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tls_report, command_line):
        monkeypatch.setattr(module, "LANGUAGE", FRENCH)
    empty = show(academy)
    assert "aucun rapport" in empty
    assert "rien pour l’instant" in empty
    (tmp_path / "r.json").write_bytes(tls())
    CliRunner().invoke(app, ["reports", "read", str(academy.directory), str(tmp_path / "r.json")])
    today = int(time.time()) // DAY * DAY

    async def seen(store: Store) -> None:
        await store.write(tls_seen.count, today, {WELL: 7, EXPIRED: 2})

    with_store(settings_of(academy.directory), seen)
    text = show(academy)
    assert "5326 réussies, 303 en échec" in text
    assert "200  STARTTLS n’a pas été proposé  MTA-STS" in text
    assert "a.example  7 réussies, 2 en échec  dès " in text
    assert "2  le certificat a expiré  mx.a.example  192.0.2.1" in text
    found = json.loads(show(academy, "--json"))
    assert sum(one["count"] for one in found["of_us"]) == 5629
    assert found["sends"]
    (one,) = found["by_us"]
    begins = tls_report_sending.moment(settings_of(academy.directory).domain, Due(today, "a.example"))
    assert (one["domain"], one["day"], one["passed"], one["failed"], one["from"]) == ("a.example", today, 7, 2, begins)
    many = {replace(EXPIRED, server=f"mx{number}.b.example", domain="b.example"): number + 1 for number in range(30)}

    async def more(store: Store) -> None:
        await store.write(tls_seen.count, today, many)

    with_store(settings_of(academy.directory), more)
    a, b = json.loads(show(academy, "--json"))["by_us"]
    assert (a["domain"], a["passed"], a["failed"], len(a["failures"])) == ("a.example", 7, 2, 1)
    assert (b["passed"], b["failed"]) == (0, 465)
    assert [one["count"] for one in b["failures"]] == list(range(30, 10, -1)), "the most frequent ones"
    academy.configure("[reports]\nsend_tls = false")
    assert "rien n’est envoyé" in show(academy)
