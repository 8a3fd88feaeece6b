"""What docstrings and comments quote in backticks exists: a module that is renamed takes along who speaks of it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from mailserver.foundation.settings import Settings
from mailserver.store.schema.base import metadata
from tests.documents.pages import quoted
from tests.hatchery import ROOT

PACKAGES = {
    **dict.fromkeys(("mailserver", "directory", "smtp", "imap", "webui"), ROOT),
    "agenda": ROOT / "calendar",
}
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_COMMENT = re.compile(r"(?:^|\s)#(.*)$", re.MULTILINE)
_BESIDE_PYTHON = ("*.html", "*.ts", "*.js", "*.css", "*.toml", "*.cfg", "*.schema", "*.lock")
NOT_OURS = frozenset(
    {
        *("fdurand", "fdurand1", "fdurand2", "emartin12", "jmartin0", "jmartin1", "jmartin27"),  # examples
        *("prenom.nom", "Mlle", "MATHEMATIQUES", "planning.pdf", "exe.gpj", "jpg.exe", "fr_FR"),
        *("matchedDN", "o", "mboxrd", "genPasswd", "propname", "convert", "imapsieve"),  # of standards and programs
        *("EtabEducNat", "ficAlimMENESR.dtd", "smtp_VERB", "write.waiting", "write.background"),  # made of parts
        *("a2wsgi", "email", "wait_for", "_ssl.ENCODING_DER", "datetime.weekday", "date.fromordinal", "http.cookies"),
        *("socket.create_connection",),
    }
)


@cache
def parts_of(path: Path) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names in a module's code, dotted ones whole and in parts, and what its docstrings and comments say."""
    text = path.read_text()
    lines = text.split("\n")
    said: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            said.append(node.value.value)
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[number - 1] = ""
    code = "\n".join(lines)
    said += _COMMENT.findall(code)
    names = set(_NAME.findall(_COMMENT.sub("", code)))
    return frozenset(names.union(*(name.split(".") for name in names))), tuple(said)


@cache
def modules() -> dict[str, Path]:
    """Every module and package, by its whole name."""
    found: dict[str, Path] = {}
    for name, folder in PACKAGES.items():
        for path in (folder / name).rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def names_below(package: str) -> frozenset[str]:
    """Every name in a package's code, and those of its modules; of "": of everything."""
    inside = {name: path for name, path in modules().items() if not package or f"{name}.".startswith(f"{package}.")}
    of_modules = {part for name in inside for part in name.split(".")}
    return frozenset(of_modules.union(*(parts_of(path)[0] for path in inside.values())))


@cache
def names_beside_python() -> frozenset[str]:
    """Those of templates, scripts, styles, settings and dependencies."""
    found: set[str] = set()
    for pattern in _BESIDE_PYTHON:
        for path in [*ROOT.glob(pattern), *(ROOT / "deploy").glob(pattern), *(ROOT / "webui").rglob(pattern)]:
            if "node_modules" not in path.parts:
                found.update(_NAME.findall(path.read_text(errors="replace")))
    return frozenset(found)


def exists(name: str, module: str) -> bool:
    """Whether a module's docstrings may name this. What is in a package is said in its own: there, nothing else counts
    that is not named whole."""
    if "." in name:
        return _is_of_a_module(name) or _is_of_a_value(name, module) or _is_of_data(*name.rsplit(".", 1))
    if modules()[module].name == "__init__.py":
        return name in names_below(module) or name in PACKAGES
    return name in names_below("") or name in names_beside_python()


def _is_of_a_module(name: str) -> bool:
    """`access.require`, `store.mail.access`: the end of a module's name, and what is in it."""
    return any(set(rest) <= parts_of(path)[0] for path, rest in _readings(name.split(".")))


def _readings(parts: list[str]) -> Iterator[tuple[Path, list[str]]]:
    for length in range(1, len(parts) + 1):
        ending = "." + ".".join(parts[:length])
        yield from ((path, parts[length:]) for whole, path in modules().items() if f".{whole}".endswith(ending))


def _is_of_a_value(name: str, module: str) -> bool:
    """`Store.read`, `visit.preferences`, `people.csv`: of a class, of something that the module has, or of a string."""
    head, *rest = name.split(".")
    known = names_below("") | names_beside_python()
    if name in known:
        return True
    return (head[0].isupper() or head in parts_of(modules()[module])[0]) and {head, *rest} <= known


def _is_of_data(whole: str, part: str) -> bool:
    """`message.authentication`, `web.offline`: a column of a table, a setting of a section."""
    if whole in metadata.tables:
        return part in metadata.tables[whole].columns
    section = Settings.model_fields.get(whole)
    return section is not None and part in getattr(section.annotation, "model_fields", ())


@pytest.mark.parametrize("package", PACKAGES)
def test_what_docstrings_and_comments_quote_exists(package: str) -> None:
    unknown = [
        f"{module}: {name}"
        for module, path in modules().items()
        if module.split(".")[0] == package
        for said in parts_of(path)[1]
        for name in quoted(said)
        if _NAME.fullmatch(name) and name not in NOT_OURS and not exists(name, module)
    ]
    assert not unknown, "\n".join(unknown)
