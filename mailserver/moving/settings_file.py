"""The settings file with another database and other storage in it; whatever else it says, comments too, stays."""

import copy
import json
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailserver.foundation.settings import FILE_NAME
from mailserver.store.moving.ends import CannotMove
from mailserver.store.octets.disk import sync_folder
from mailserver.texts.text import Text

BEFORE = f"{FILE_NAME}.before-move"
_HEADER = re.compile(r"\s*\[")


def with_values(text: str, section: str, values: Mapping[str, str]) -> str:
    """A section's values, set. Raises CannotMove where a program cannot do that without harm."""
    wanted: dict[str, Any] = tomllib.loads(text)
    before = copy.deepcopy(wanted)
    wanted.setdefault(section, {}).update(values)
    if wanted == before:
        return text
    changed = _set(text.splitlines(), section, values)
    try:
        if tomllib.loads(changed) == wanted:
            return changed
    except tomllib.TOMLDecodeError:
        pass
    raise CannotMove(
        Text(
            "{file} : [{section}] ne peut pas être changé par un programme ; simplifiez-le",
            file=FILE_NAME,
            section=section,
        )
    )


def _set(lines: list[str], section: str, values: Mapping[str, str]) -> str:
    header = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?")
    begin = next((number for number, line in enumerate(lines) if header.fullmatch(line)), None)
    written = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    if begin is None:
        return "\n".join([*lines, "", f"[{section}]", *written, ""])
    end = next((n for n in range(begin + 1, len(lines)) if _HEADER.match(lines[n])), len(lines))
    assigned = re.compile(rf"\s*({'|'.join(map(re.escape, values))})\s*=")
    rest = [line for line in lines[begin + 1 : end] if not assigned.match(line)]
    return "\n".join([*lines[: begin + 1], *written, *rest, *lines[end:], ""])


def write(directory: Path, text: str) -> None:
    """In one step; what was there before stays beside it. Raises OSError."""
    path = directory / FILE_NAME
    like = path.stat()
    _write_synced(directory / BEFORE, path.read_text("utf-8"), like)
    fresh = path.with_name(f".{FILE_NAME}.new")
    _write_synced(fresh, text, like)
    fresh.replace(path)
    sync_folder(directory)


def _write_synced(path: Path, text: str, like: os.stat_result) -> None:
    """With the owner and the rights of another file."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        if os.geteuid() == 0:
            os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
        file.write(text)
        file.flush()
        os.fsync(descriptor)
