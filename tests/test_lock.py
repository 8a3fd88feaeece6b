"""`requirements.lock` is a whole installation, by hashes, of what setup.cfg allows. Nothing here asks the network."""

import ast
import configparser
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path
from typing import cast

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.hatchery import ROOT

PACKAGE = ROOT / "deploy" / "package"
LOCK = ROOT / "requirements.lock"
LOCKS = (LOCK, PACKAGE / "build.lock", PACKAGE / "node.lock")
PYTHONS = ("3.11", "3.12", "3.13")


def read(lock: Path, python: str) -> dict[str, Requirement]:
    """What a lock installs on Linux for this Python, by name."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.partition(" --hash")[0] for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    environment = cast(dict[str, str], default_environment()) | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
    }
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one for one in found if one.marker is None or one.marker.evaluate(environment)}


def pinned(requirement: Requirement) -> str:
    """The one version of a line of a lock."""
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version


def declared() -> list[Requirement]:
    """The requirements of setup.cfg, with those of traces."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].splitlines()
    lines += config["options.extras_require"]["traces"].splitlines()
    return [Requirement(line) for line in lines if line.strip()]


@pytest.mark.parametrize("python", PYTHONS)
def test_each_requirement_is_locked_to_a_version_that_its_range_allows(python: str) -> None:
    locked = read(LOCK, python)
    wanted = declared()
    assert len(wanted) > 40
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{name} is not locked: make lock"
        assert requirement.specifier.contains(pinned(locked[name])), f"{requirement} is not {locked[name]}: make lock"


def test_what_requirements_require_is_locked_too() -> None:
    """As far as the libraries of this environment say it: none is left for pip to find out."""
    locked = read(LOCK, ".".join(map(str, sys.version_info[:2])))
    missing: list[str] = []
    waiting = [(requirement.name, extra) for requirement in declared() for extra in ("", *requirement.extras)]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        for line in importlib.metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
                continue
            if canonicalize_name(needed.name) not in locked:
                missing.append(f"{name} requires {needed}")
                continue
            fresh = {(needed.name, more) for more in ("", *needed.extras)} - seen
            seen |= fresh
            waiting += fresh
    assert missing == []
    assert len(seen) > 60


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_has_hashes_and_names_no_registry(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+", entry.strip()), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "://" not in text
    assert "-url" not in text


def test_what_builds_the_wheel_is_what_its_locks_were_made_from() -> None:
    """`pyproject.toml` and `setup.py` say it to pip, the files beside the locks to `make lock`."""
    assigned = {
        node.targets[0].id: node.value
        for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    system = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    (node,) = _lines(PACKAGE / "node.in")
    assert node == ast.literal_eval(assigned["NODE_WHEEL"])
    build = _lines(PACKAGE / "build.in")
    assert {line.replace(" ", "") for line in system} <= {line.replace(" ", "") for line in build}
    assert f'"{build[1]}"' in (ROOT / "setup.py").read_text(encoding="utf-8")
    for name in ("build", "node"):
        locked = read(PACKAGE / f"{name}.lock", PYTHONS[0])
        for line in _lines(PACKAGE / f"{name}.in"):
            wanted = Requirement(line)
            assert wanted.specifier.contains(pinned(locked[canonicalize_name(wanted.name)]))


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
