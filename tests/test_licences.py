"""The bill of materials is valid and whole, and everything in it may be given on under GPL-3.0-or-later."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from tests.hatchery import ROOT

ALLOWED = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "GPL-3.0-or-later", "ISC", "LGPL-3.0-only", "LGPL-3.0-or-later",
    "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "ZPL-2.1", "Zlib",
}  # fmt: skip
"""By their SPDX names; each is compatible with version 3 of the GPL."""


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("bill") / "bill.json"
    _make(file)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text(encoding="utf-8")) is None
    again = file.with_name("again.json")
    _make(again)
    assert again.read_bytes() == file.read_bytes()
    read: dict[str, Any] = json.loads(file.read_bytes())
    return read


def _make(file: Path) -> None:
    script = ROOT / "deploy" / "package" / "bill_of_materials.py"
    subprocess.run([sys.executable, script, file], check=True, timeout=120)


def licences(component: dict[str, Any]) -> set[str]:
    said = component["licenses"][0]
    text = said.get("expression") or said["license"].get("id") or said["license"]["name"]
    return set(re.split(r" (?:AND|OR) ", text.strip("()")))


def test_every_library_has_a_licence_that_is_allowed(bill: dict[str, Any]) -> None:
    found = {one["purl"]: licences(one) for one in bill["components"]}
    assert {purl: given for purl, given in found.items() if not given <= ALLOWED} == {}
    assert len(found) > 60


def test_every_library_that_is_locked_is_named_with_hashes_and_what_it_needs(bill: dict[str, Any]) -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = [Requirement(line.rstrip("\\ ")) for line in lines if "==" in line]
    here = {
        f"pkg:pypi/{one.name}@{str(one.specifier)[2:]}" for one in locked if one.marker is None or one.marker.evaluate()
    }
    purls = {one["purl"]: one for one in bill["components"]}
    assert {purl for purl in purls if purl.startswith("pkg:pypi/")} == here
    assert all(one["hashes"] for one in purls.values())
    needs = {one["ref"]: set(one.get("dependsOn", ())) for one in bill["dependencies"]}
    ours = bill["metadata"]["component"]
    assert (ours["name"], ours["version"]) == ("mailserver", importlib.metadata.version("mailserver"))
    assert needs.keys() == purls.keys() | {ours["bom-ref"]}
    names = {purl.partition("@")[0]: needed for purl, needed in needs.items()}
    assert any(one.startswith("pkg:pypi/aiosmtpd@") for one in names["pkg:pypi/mailserver"])
    assert any(one.startswith("pkg:pypi/markupsafe@") for one in names["pkg:pypi/jinja2"])


def test_what_browsers_get_is_named_and_what_builds_it_is_not(bill: dict[str, Any]) -> None:
    """But for the icons, which are picked out of a library of the build."""
    named = {one["name"] for one in bill["components"] if one["purl"].startswith("pkg:npm/")}
    package = json.loads((ROOT / "webui" / "frontend" / "package.json").read_text(encoding="utf-8"))
    assert named == set(package["dependencies"]) | {"lucide-static"}


def test_every_library_of_the_front_end_has_a_licence_that_is_allowed() -> None:
    lock = json.loads((ROOT / "webui" / "frontend" / "package-lock.json").read_text(encoding="utf-8"))
    found = {place: said.get("license", "") for place, said in lock["packages"].items() if place}
    allowed = ALLOWED | {"(MPL-2.0 OR Apache-2.0)"}
    assert {place: given for place, given in found.items() if given not in allowed} == {}
    assert len(found) > 5
