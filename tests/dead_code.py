"""Dead code, found by vulture: what nothing uses, and what tests alone use. Templates are users, too.

`make check` runs it. What frameworks call by name is listed in pyproject.toml, each line with its reason.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, nodes
from vulture import Vulture  # type: ignore[import-untyped]
from vulture.config import make_config  # type: ignore[import-untyped]

ROOT = Path(__file__).parent.parent
PRODUCT = ("mailserver", "directory", "smtp", "imap", "webui", "calendar", "setup.py")
TESTS = "tests"
CONFIDENCE = 60
"""Vulture's word for a function, class, method, attribute or variable that nothing names."""


def names_in_templates() -> Iterator[str]:
    """Every name and attribute that a template reads."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for path in (ROOT / "webui" / "templates").rglob("*.html"):
        tree = environment.parse(path.read_text("utf-8"))
        yield from (node.name for node in tree.find_all(nodes.Name))
        yield from (node.attr for node in tree.find_all(nodes.Getattr))


def unused(*folders: str) -> list[str]:
    """What is dead in these folders and files when nothing but them is there, as vulture writes it."""
    config = make_config(list(folders))
    vulture = Vulture(ignore_names=config["ignore_names"], ignore_decorators=config["ignore_decorators"])
    for name in names_in_templates():
        vulture.used_names.add(name)
    vulture.scavenge(config["paths"], exclude=config["exclude"])
    return [item.get_report() for item in vulture.get_unused_code(min_confidence=CONFIDENCE)]


def main() -> int:
    dead = unused(*PRODUCT)
    dead += [found for found in unused(*PRODUCT, TESTS) if found.startswith(f"{TESTS}/")]
    sys.stdout.writelines(f"{found}\n" for found in dead)
    return int(bool(dead))


if __name__ == "__main__":
    sys.exit(main())
