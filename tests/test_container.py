"""deploy/container/: the files please their linters, agree with each other, and make two hosts of one instance."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailserver.foundation.settings import load
from tests.hatchery import ROOT
from tests.postgres import Postgres

CONTAINER = ROOT / "deploy" / "container"
SCRIPTS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((CONTAINER / "compose.yaml").read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("file", sorted(CONTAINER.glob("*Containerfile")), ids=lambda file: file.name)
def test_container_files_have_nothing_that_their_linter_minds(file: Path) -> None:
    done = subprocess.run([SCRIPTS / "hadolint", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("file", sorted(CONTAINER.glob("*.sh")), ids=lambda file: file.name)
def test_scripts_have_nothing_that_their_linter_minds(file: Path) -> None:
    done = subprocess.run([SCRIPTS / "shellcheck", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_file_is_valid() -> None:
    command: list[str | Path] = [
        SCRIPTS / "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        CONTAINER / "compose.yaml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_variable_of_the_compose_file_is_in_the_example(compose: dict[str, Any]) -> None:
    text = (CONTAINER / "compose.yaml").read_text(encoding="utf-8")
    needed = set(re.findall(r"\$\{(\w+):\?", text))
    example = (CONTAINER / "env.example").read_text(encoding="utf-8")
    assert needed == set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    assert {name for service in compose["services"].values() for name in service.get("volumes", ()) if "/" in name}


def test_the_hosts_are_where_haproxy_looks_for_them(compose: dict[str, Any]) -> None:
    text = (ROOT / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")
    hosts = dict(re.findall(r"server (\w+) ([\d.]+):\d+", text))
    services = compose["services"]
    assert hosts == {name: services[name]["networks"]["front"]["ipv4_address"] for name in ("mail1", "mail2")}
    bound = set(re.findall(r"bind :(\d+)", text))
    assert {one.partition(":")[0] for one in services["haproxy"]["ports"]} == bound
    assert services["haproxy"]["networks"]["front"]["ipv4_address"] in text
    served = (CONTAINER / "Containerfile").read_text(encoding="utf-8")
    assert set(re.findall(r"^EXPOSE (.*)$", served, re.MULTILINE)[0].split()) == bound


def prepare(place: Path, url: str, **more: str) -> None:
    given = {
        "DOMAIN": "ac-essai.fr",
        "OCTETS_KEY": "key",
        "OCTETS_SECRET": "secret",
        "LDAP_PASSWORD": "craie",
        "SRV": str(place),
        "DATABASE": url,
        "SERVICE": "0",  # others may not reach these programs
        "DIRECTORY": "0",
        "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
        **more,
    }
    subprocess.run(["sh", CONTAINER / "prepare.sh"], check=True, env=given, capture_output=True, timeout=120)


@pytest.mark.needs("root", "postgresql")
def test_two_hosts_of_one_instance_are_prepared_once(tmp_path: Path, postgres: Postgres) -> None:
    place = tmp_path / "srv"
    place.mkdir()
    prepare(place, url := postgres.create(), LDAP="yes")
    first, second = place / "mail1", place / "mail2"
    (second / "prepared").unlink()  # it was ended before the last step
    before = (first / "mailserver.toml").read_bytes(), (first / "secrets" / "hmac").read_bytes()
    prepare(place, url, LDAP="yes")
    assert ((first / "mailserver.toml").read_bytes(), (first / "secrets" / "hmac").read_bytes()) == before
    found = [load(folder) for folder in (first, second)]
    assert found[0].model_dump(exclude={"directory"}) == found[1].model_dump(exclude={"directory"})
    assert (found[0].domain, found[0].octets.url, found[0].listen.imaps) == ("ac-essai.fr", "s3://octets", 993)
    for name in ("instance-id", "secrets/hmac", "secrets/octets", "tls/cert.pem"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    listen = tomllib.loads((first / "mailserver.toml").read_text())["listen"]
    assert {str(port) for port in listen.values() if isinstance(port, int)} - {"0"} == {
        *("25", "587", "465", "143", "993", "636", "443", "80")
    }
    assert all(not file.stat().st_mode & 0o077 for file in place.rglob("*") if "objects" not in file.parts)
