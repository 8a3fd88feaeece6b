"""Templates stand with the package that shows them, can be read, and nothing in them is left over."""

import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment

from webui.page.rendering import TEMPLATES, Indentation

WEBUI = TEMPLATES.parent
WIDTH = 160
OF_NO_PACKAGE = {"portal", "shared"}
"""Pages that everybody may read, of modules in no package; and what several packages are made of."""


def named(path: Path) -> Iterator[str]:
    """The templates that a module or a template names."""
    yield from re.findall(r"[\"']([a-z]+(?:/[a-z_]+)+\.html)[\"']", path.read_text(encoding="utf-8"))


def templates() -> dict[str, Path]:
    return {path.relative_to(TEMPLATES).as_posix(): path for path in sorted(TEMPLATES.rglob("*.html"))}


def modules() -> Iterator[Path]:
    for path in sorted(WEBUI.rglob("*.py")):
        if "frontend" not in path.parts:
            yield path


def test_a_folder_is_a_package_s() -> None:
    packages = {path.parent.relative_to(WEBUI).as_posix() for path in WEBUI.rglob("__init__.py")}
    assert {name.rpartition("/")[0] for name in templates()} <= packages | OF_NO_PACKAGE


def test_a_page_stands_in_the_folder_of_the_package_that_answers_with_it() -> None:
    for module in modules():
        package = module.relative_to(WEBUI).parent
        folders = [folder.as_posix() for folder in (package, *package.parents) if folder.name]
        found = [folder for folder in folders if (TEMPLATES / folder).is_dir()]
        assert {name.rpartition("/")[0] for name in named(module)} <= {found[0] if found else "portal"}, module


def test_every_template_is_used_and_every_one_used_is_there() -> None:
    used = {name for path in (*modules(), *templates().values()) for name in named(path)}
    assert used == set(templates())


def test_lines_are_no_longer_than_a_window_is_wide() -> None:
    for name, path in templates().items():
        long = [line for line in path.read_text(encoding="utf-8").splitlines() if len(line) > WIDTH]
        assert not long, name


def test_the_store_s_flags_are_not_taken_apart() -> None:
    """The mask is the store's affair: what is shown has `seen`, `answered`, `flagged`."""
    for name, path in templates().items():
        assert not re.search(r"\bflags\b", path.read_text(encoding="utf-8")), name


def test_indentation_does_not_travel() -> None:
    made = Environment(trim_blocks=True, extensions=[Indentation]).from_string(
        "<ul>\n  {% if true %}\n    <li>\n      a <b>b</b>\n  {% endif %}\n</ul>\n"
    )
    assert made.render() == "<ul>\n<li>\na <b>b</b>\n</ul>"
