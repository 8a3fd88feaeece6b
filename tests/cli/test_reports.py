"""`mailserver reports`: files are counted once, and what they say is shown."""

import json
import smtplib
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from tests.harness import Instance
from tests.ports import free_port
from tests.reports.samples import carrying, dmarc, packed, record, tls, zipped
from tests.waiting import until


@pytest.fixture
def academy(fresh: Callable[..., Instance]) -> Instance:
    instance = fresh()
    instance.configure(f'[dns]\nnameservers = ["127.0.0.1:{free_port("127.0.0.1")}"]')
    return instance


def run(academy: Instance, verb: str, *args: str) -> Result:
    return CliRunner().invoke(app, ["reports", verb, str(academy.directory), *args])


def test_files_are_counted_and_told(academy: Instance, tmp_path: Path) -> None:
    forged = record("192.0.2.2", 9, dkim="fail", spf="fail")
    contents = {
        "a.xml.gz": packed(dmarc(record(), forged)),
        "b.zip": zipped(dmarc(record(), forged)),
        "c.eml": carrying(packed(tls()), "application/tlsrpt+gzip"),
        "d.xml": dmarc(domain="ailleurs.fr"),
    }
    for name, octets in contents.items():
        (tmp_path / name).write_bytes(octets)
    files = [str(tmp_path / name) for name in contents]
    done = run(academy, "read", *files, "--json")
    assert done.exit_code == 1, "one is none of ours"
    ends = {Path(one["file"]).name: (one["end"], one["code"]) for one in json.loads(done.stdout)}
    assert ends == {
        "a.xml.gz": ("new", ""),
        "b.zip": ("twice", ""),
        "c.eml": ("new", ""),
        "d.xml": ("refused", "report-foreign"),
    }
    again = run(academy, "read", files[0])
    assert (again.exit_code, "compté déjà" in again.stdout or "already" in again.stdout) == (0, True)
    found = json.loads(run(academy, "list", "--json").stdout)
    assert [(one["kind"], one["passed"], one["failed"]) for one in found] == [("tls", 5326, 303), ("dmarc", 3, 9)]
    assert json.loads(run(academy, "list", "--faults", "--json").stdout) == []
    assert "Boîte Postale" in run(academy, "list").stdout
    senders = json.loads(run(academy, "senders", "--json").stdout)
    assert [(one["address"], one["passed"], one["failed"]) for one in senders] == [
        ("192.0.2.2", 0, 9),
        ("192.0.2.1", 3, 0),
    ]
    assert "192.0.2.2" in run(academy, "senders", "--days", "7").stdout
    assert json.loads(run(academy, "tls", "--json").stdout)["of_us"][0]["result"] == "starttls-not-supported"


def test_what_comes_to_the_address_is_read_while_the_service_runs(academy: Instance) -> None:
    academy.configure('[reports]\ndmarc = "dmarc@ac-exemple.fr"')
    academy.start("--workers", "1")
    try:
        with smtplib.SMTP("127.0.0.1", academy.ports["smtp"], timeout=60) as client:
            client.sendmail("dmarc@boite.example", ["dmarc@ac-exemple.fr"], carrying(packed(dmarc())))
        until(lambda: [one["passed"] for one in json.loads(run(academy, "list", "--json").stdout)] == [3])
    finally:
        academy.stop()


def test_what_cannot_be_used(academy: Instance, tmp_path: Path) -> None:
    assert run(academy, "read", str(tmp_path / "nulle-part")).exit_code == 2
    assert run(academy, "senders", "--days", "0").exit_code == 2
    (tmp_path / "x").write_bytes(b"Bonjour")
    assert run(academy, "read", str(tmp_path / "x")).exit_code == 1
