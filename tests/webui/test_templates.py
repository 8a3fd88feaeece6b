"""Templates stand with the package that shows them, and nothing in them is left over."""

import re
from collections.abc import Iterator
from pathlib import Path

from webui.page.rendering import TEMPLATES

WEBUI = TEMPLATES.parent
OF_NO_PACKAGE = {"portal", "shared"}
"""Pages that everybody may read, of modules in no package; and what several packages are made of."""


def named(path: Path) -> Iterator[str]:
    """The templates that a module or a template names."""
    yield from re.findall(r"[\"']([a-z]+/[a-z_]+\.html)[\"']", path.read_text(encoding="utf-8"))


def templates() -> dict[str, Path]:
    return {path.relative_to(TEMPLATES).as_posix(): path for path in sorted(TEMPLATES.rglob("*.html"))}


def modules() -> Iterator[Path]:
    for path in sorted(WEBUI.rglob("*.py")):
        if "frontend" not in path.parts:
            yield path


def test_a_folder_is_a_package_s() -> None:
    packages = {path.parent.name for path in WEBUI.glob("*/__init__.py")}
    assert {name.partition("/")[0] for name in templates()} <= packages | OF_NO_PACKAGE


def test_a_page_stands_in_the_folder_of_the_package_that_answers_with_it() -> None:
    for module in modules():
        package = module.relative_to(WEBUI).parts[0]
        folder = package if (TEMPLATES / package).is_dir() else "portal"
        assert {name.partition("/")[0] for name in named(module)} <= {folder}, module


def test_every_template_is_used_and_every_one_used_is_there() -> None:
    used = {name for path in (*modules(), *templates().values()) for name in named(path)}
    assert used == set(templates())
