"""The promises of setup.cfg: nothing shadows the standard library and nothing is left out of the wheel."""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOMES = {name: ROOT / name for name in ("mailserver", "directory", "smtp", "imap", "webui")}
HOMES["agenda"] = ROOT / "calendar" / "agenda"
RUNNERS = {
    *("read", "read_inline", "read_apart", "read_slow", "write", "begin"),
    *("read_now", "read_inline_now", "read_apart_now", "write_now"),
}
"""Methods of `Store` that run a function in a transaction."""


def test_calendar_folder_is_not_a_package() -> None:
    """calendar/__init__.py, or a module directly inside, would break email, ssl and http."""
    assert not list((ROOT / "calendar").glob("*.py"))
    assert not [path for path in (ROOT / "tests").rglob("calendar*") if path.is_dir() or path.suffix == ".py"]


@pytest.mark.parametrize("folder", [".", "calendar", "tests"])
def test_standard_library_wins(folder: str) -> None:
    """Python started anywhere in the tree sees its own calendar."""
    code = "import calendar, email.utils, http.cookiejar, ssl; calendar.timegm((1970, 1, 1, 0, 0, 0))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / folder, check=True)


def test_no_module_borrows_a_standard_name() -> None:
    """A module named like one of Python's own shadows it as soon as Python starts in its folder."""
    ours = {path.stem for home in HOMES.values() for path in home.rglob("*.py")}
    assert not (ours | HOMES.keys()) & sys.stdlib_module_names


def test_every_package_is_declared() -> None:
    """setup.cfg lists exactly the packages that exist."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    found = {
        ".".join((name, *init.parent.relative_to(home).parts))
        for name, home in HOMES.items()
        for init in home.rglob("__init__.py")
    }
    assert set(config["options"]["packages"].split()) == found


def test_the_web_defines_no_unit_of_the_store() -> None:
    """No function of webui runs in a transaction, and none says what the audit records: services do."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "webui").rglob("*.py"))
        if "node_modules" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.expr | ast.stmt) and (_is_unit(node) or _records(node))
    ]
    assert found == []


def _is_unit(node: ast.AST) -> bool:
    """A function or lambda whose first parameter is the transaction; a lambda that the store is to run."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return any(parameter.arg == "tx" for parameter in node.args.args)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RUNNERS:
        runs_store = ast.unparse(node.func.value).rpartition(".")[2] == "store"
        return runs_store and any(isinstance(argument, ast.Lambda) for argument in node.args[:2])
    return False


def _records(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2] == "audit":
        return not {alias.name for alias in node.names} <= {"Action", "Event", "Origin", "Wanted"}
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "audit.record"


def test_every_dependency_has_its_reason_in_the_readme() -> None:
    """The README's table names each requirement of setup.cfg."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    names = [
        line.split()[0].split("[")[0] for line in config["options"]["install_requires"].split("\n") if line.strip()
    ]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert [name for name in names if f"| {name.lower()}" not in readme] == []


def test_the_quick_selection_has_a_part_of_every_package() -> None:
    """What `make quick` runs is there and in order; only what needs served instances or much time has no part in it."""
    named = (ROOT / "tests" / "quick.txt").read_text(encoding="utf-8").split()
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert named[1:] == sorted(set(named[1:]))
    folders = {path.parent.relative_to(ROOT).parts[1] for path in (ROOT / "tests").glob("*/**/test_*.py")}
    served = {"accounts", "addressbook", "cli", "delivery", "demo", "fuzz", "runtime"}
    assert folders - {name.split("/")[1] for name in named} == served


def test_what_the_readme_of_the_tests_names_is_there() -> None:
    """The table of what to run for which change."""
    text = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Which tests for which change")[2].partition("\n## ")[0]
    named = set(re.findall(r"tests/[a-z_/]+(?:\.py)?", table))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    assert len(named) > 30


def test_browsers_have_one_patience() -> None:
    """`tests/webui/browser.py` sets it for the whole process: a module that sets another changes it for all others."""
    setting = re.compile(r"set_default_(?:navigation_)?timeout|expect\.set_options|(?:expect\(|page\.).*timeout=\d")
    own = {ROOT / "tests" / "webui" / name for name in ("browser.py", "screen_reader.py")}
    modules = [path for path in (ROOT / "tests" / "webui").rglob("*.py") if "playwright" in path.read_text()]
    assert own & set(modules)
    assert [path.name for path in modules if path not in own and setting.search(path.read_text())] == []
