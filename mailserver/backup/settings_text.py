"""Settings files that come back out of a backup: one setting is written anew or taken out, every other line stays."""

import contextlib
import re
import tomllib
from collections.abc import Callable
from typing import Any

from mailserver.backup.restic import CannotBackUp
from mailserver.texts.text import Text

_HEADING = re.compile(r"\s*\[\s*([\w.\s-]+?)\s*\]")
_SETTING = re.compile(r"\s*([\w.\s-]+?)\s*=")


def with_own_files(written: str) -> str:
    """A settings file whose large messages lie in DIR/data/blobs, where they come back to. Raises CannotBackUp."""
    return _without_url(written, "octets")


def with_own_database(written: str) -> str:
    """A settings file whose database is the file in DIR/data. Raises CannotBackUp."""
    return _without_url(written, "database")


def with_database(written: str, url: str) -> str:
    """A settings file that names another database. Raises CannotBackUp where it names none."""
    quoted = '"' + url.replace("\\", "\\\\").replace('"', '\\"') + '"'
    changed = _changed(written, "database.url", lambda line: f"{line[: line.index('=')]}= {quoted}\n")
    if _section(changed, "database").get("url") == url:
        return changed
    raise CannotBackUp(Text("les réglages sauvés n’ont pas de [database] url que --database puisse remplacer"))


def _without_url(written: str, section: str) -> str:
    """Its url becomes a comment, and nothing else changes. Raises CannotBackUp."""
    changed = _changed(written, f"{section}.url", lambda line: f"# {line}")
    wanted = {name: value for name, value in _section(written, section).items() if name != "url"}
    if _section(changed, section) == wanted and _others(changed, section) == _others(written, section):
        return changed
    raise CannotBackUp(Text("les réglages sauvés ont un [{section}] url qui ne peut pas être retiré", section=section))


def _changed(written: str, name: str, change: Callable[[str], str]) -> str:
    """The lines that set this, each changed; a heading and the name before the sign say what a line sets."""
    lines, heading = [], ""
    for line in written.splitlines(keepends=True):
        if found := _HEADING.match(line):
            heading = found[1]
        elif found := _SETTING.match(line):
            whole = f"{heading}.{found[1]}" if heading else found[1]
            line = change(line) if re.sub(r"\s", "", whole) == name else line
        lines.append(line)
    return "".join(lines)


def _section(written: str, section: str) -> dict[str, Any]:
    found = _read(written).get(section, {})
    return found if isinstance(found, dict) else {"": found}


def _others(written: str, section: str) -> dict[str, Any]:
    return {name: value for name, value in _read(written).items() if name != section}


def _read(written: str) -> dict[str, Any]:
    """Nothing where it cannot be read: whoever loads it says why."""
    with contextlib.suppress(tomllib.TOMLDecodeError):
        return tomllib.loads(written)
    return {}
