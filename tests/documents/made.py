"""What documents show of the code and is made from it: the picture of the layers, and the folders of each package.

`python -m tests.documents` writes it again between its marks, `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import ast
import configparser
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from tests.hatchery import ROOT

HOMES = {
    "mailserver": ROOT / "mailserver",
    "directory": ROOT / "directory",
    "smtp": ROOT / "smtp",
    "imap": ROOT / "imap",
    "webui": ROOT / "webui",
    "calendar": ROOT / "calendar" / "agenda",
}
"""The folder of each package, by that of its README."""
WIDTH = 96


def made() -> Iterator[tuple[Path, str, str]]:
    """Each document, the mark in it, and what stands between."""
    yield ROOT / "README.md", "layers", layers()
    for name, home in HOMES.items():
        yield ROOT / name / "README.md", "folders", folders(home)


def replaced(text: str, mark: str, block: str) -> str:
    """The document with the block between its marks."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    assert found and closed, f"there is no {begin.strip()} ... {end}"  # noqa: PT018
    return before + begin + block + end + after


def layers() -> str:
    """The contract of setup.cfg as a picture, the layer that may import all others on top."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    rows = [line for line in config["importlinter:contract:layers"]["layers"].split("\n") if line]
    rule = "─" * (WIDTH + 2)
    lines = [f"┌{rule}┐"]
    for number, row in enumerate(rows):
        if number:
            lines.append(f"├{rule}┤")
        lines += [f"│ {line:{WIDTH}} │" for line in _wrapped(row)]
    return "\n".join(("```", *lines, f"└{rule}┘", "```", ""))


def _wrapped(row: str) -> list[str]:
    """Names beside each other; with a colon between them where they may import each other."""
    names = sorted(re.split(r"\s*[|:]\s*", row))
    joined = (" : " if ":" in row else "   ").join(names)
    return textwrap.wrap(joined, WIDTH, break_long_words=False, break_on_hyphens=False)


def folders(home: Path) -> str:
    """A row for each folder: what its docstring says first, and the modules in it."""
    rows = ["| folder | what it is about | modules |", "| --- | --- | --- |"]
    for init in sorted(home.rglob("__init__.py"), key=lambda path: path.parent.parts):
        inside = init.parent.relative_to(home.parent).as_posix()
        modules = sorted(path.stem for path in init.parent.glob("*.py") if path != init)
        rows.append(f"| `{inside}/` | {first_sentence(init)} | {', '.join(f'`{module}`' for module in modules)} |")
    return "\n".join((*rows, ""))


def first_sentence(module: Path) -> str:
    """Of the docstring of a module."""
    said = ast.get_docstring(ast.parse(module.read_text()))
    assert said is not None, f"{module} says nothing of itself"
    paragraph = " ".join(said.partition("\n\n")[0].split())
    return re.split(r"(?<=[.])\s", paragraph)[0].replace("|", "\\|")
