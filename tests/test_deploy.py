"""deploy/mailserver.toml shows every setting with its default; systemd takes the units and finds them closed enough."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from mailserver.foundation.network.ports import ports
from mailserver.foundation.settings import LdapDirectory, Listen, Settings, SettingsError, load

DEPLOY = Path(__file__).parent.parent / "deploy"
EXAMPLE = DEPLOY / "mailserver.toml"
EXPOSURE = 2.0


def uncommented() -> dict[str, Any]:
    """The example with every setting switched on."""
    lines = [re.sub(r"^# (\[\w+\]$|\w+ = )", r"\1", line) for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]
    return tomllib.loads("\n".join(lines))


def test_the_example_is_complete_and_true() -> None:
    shown = uncommented()
    found = Settings.model_validate(shown)
    wanted = Settings(domain=shown["domain"], ldap=found.ldap)
    assert found.model_dump() == wanted.model_dump()
    for name, field in Settings.model_fields.items():
        if name == "directory":
            continue
        assert name in shown, name
        section = LdapDirectory if name == "ldap" else field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            assert set(shown[name]) == set(section.model_fields), name


def test_the_example_can_be_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mailserver.toml").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert load(tmp_path).domain == "ac-exemple.fr"


@pytest.mark.parametrize("hop", ["mx.ac-exemple.fr", "mx.ac-exemple.fr:", ":25", "mx:99999", "mx:x"])
def test_a_next_hop_that_cannot_be_used_is_refused_at_start(tmp_path: Path, hop: str) -> None:
    (tmp_path / "mailserver.toml").write_text(f'domain = "ac-exemple.fr"\n[outbound]\nsmarthost = "{hop}"\n')
    with pytest.raises(SettingsError, match=r"outbound\.smarthost"):
        load(tmp_path)


def test_verifiers_cannot_follow_the_passwords_of_another_directory(tmp_path: Path) -> None:
    ldap = '[ldap]\nurl = "ldap://127.0.0.1"\nbase = "dc=ac-exemple,dc=fr"\n'
    (tmp_path / "mailserver.toml").write_text(f'domain = "ac-exemple.fr"\n[login]\nscram = true\n{ldap}')
    with pytest.raises(SettingsError, match="embedded directory only"):
        load(tmp_path)


# ---------------------------------------------------------------------- units of systemd


def analyze(*words: str) -> str:
    done = subprocess.run(["systemd-analyze", *words, "--no-pager"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("name", ["mailserver.service", "mailserver-backup.service", "mailserver-restore-test.service"])
def test_a_service_is_exposed_little(name: str) -> None:
    found = re.search(
        r"Overall exposure level for \S+: ([\d.]+)", analyze("security", "--offline=true", str(DEPLOY / name))
    )
    assert found is not None
    assert float(found[1]) < EXPOSURE


@pytest.mark.needs("systemd-analyze")
def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    units = [path for path in DEPLOY.iterdir() if path.suffix in (".service", ".socket", ".timer")]
    assert len(units) >= 4
    for unit in units:
        # The program is not where it will be installed.
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/mailserver/bin/mailserver", sys.executable))
    assert analyze("verify", *(str(tmp_path / unit.name) for unit in units)).strip() == ""


def test_the_sockets_are_those_of_the_usual_ports() -> None:
    """Each is found by a door of a `[listen]` that has the usual ports."""
    numbers = [
        int(line.rpartition(":")[2].rpartition("=")[2])
        for line in (DEPLOY / "mailserver.socket").read_text().splitlines()
        if line.startswith("ListenStream=")
    ]
    assert len(set(numbers)) == len(numbers) == len(ports(Listen()))
    assert "ListenStream=127.0.0.1:8080" in (DEPLOY / "mailserver.socket").read_text(), (
        "in clear, for this machine alone"
    )
