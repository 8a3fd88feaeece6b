"""Every text of every package: what the catalogue has to hold."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from babel.messages.extract import extract_from_dir, extract_python

from mailserver.texts.catalogue import CONTEXT_END

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("mailserver", "directory", "smtp", "imap", "webui", "calendar/agenda")
OPTIONS = {"templates/**.html": {"trimmed": "true"}}
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None, "Text": None, "NC_": ((1, "c"), 2)}

CALL = re.compile(rf"\b(?:{'|'.join(KEYWORDS)})\s*\(".encode())

Forms = tuple[str, ...]


def in_code(file: IO[bytes], *more: Any, **options: Any) -> Iterator[Any]:
    """Babel's reader of Python. It looks at every token: three modules of four name none of our functions."""
    if CALL.search(file.read()):
        file.seek(0)
        yield from extract_python(file, *more, **options)


METHODS: list[Any] = [("**.py", in_code), ("templates/**.html", "jinja2")]


def extracted(package: str) -> dict[str, Forms]:
    """Every text of a package's templates and code: first form -> all forms."""
    found: dict[str, Forms] = {}
    for _, _, message, _, context in extract_from_dir(
        str(ROOT / package),
        METHODS,
        OPTIONS,
        KEYWORDS,
        comment_tags=(),
        directory_filter=lambda path: "node_modules" not in path,
    ):
        forms = tuple(form for form in message if form) if isinstance(message, tuple) else (message,)
        add(found, in_context(context, forms))
    return found


def in_context(context: str | None, forms: Forms) -> Forms:
    """As gettext keeps them."""
    return tuple(f"{context}{CONTEXT_END}{form}" for form in forms) if context else forms


def add(found: dict[str, Forms], forms: Forms) -> None:
    """One text may stand alone in one place and count in another: the catalogue has both forms once."""
    found[forms[0]] = max(forms, found.get(forms[0], ()), key=len)


def everything() -> dict[str, Forms]:
    """The texts of all packages."""
    found: dict[str, Forms] = {}
    for package in PACKAGES:
        for forms in extracted(package).values():
            add(found, forms)
    return found
