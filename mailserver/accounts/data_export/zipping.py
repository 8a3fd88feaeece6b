"""A zip file that is handed on while it is made: what is held at once does not grow with it."""

import io
import re
import zipfile
from datetime import datetime, tzinfo
from typing import Any

PIECE = 256 * 1024
"""Octets that are gathered before they are handed on."""
EARLIEST, LATEST = 315_705_600, 4_354_646_400
"""Moments of 1980 and of 2107, in seconds since the epoch: others cannot be written in a zip file in every zone."""
MAX_NAME = 100
"""Characters of one level of a file's name."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"\\|?*]')


class Zip:
    """The file: open a member, write to it, take what is ready."""

    def __init__(self, now: float, zone: tzinfo) -> None:
        """`now`: what its members carry; `zone`: of whoever opens it, for times in it name none."""
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._now, self._zone = now, zone
        self._names: set[str] = set()

    @property
    def is_due(self) -> bool:
        """Enough was written to be handed on."""
        return self._sink.size >= PIECE

    def take(self) -> bytes:
        """What was written since the last time."""
        return self._sink.take()

    def add(self, name: str, octets: bytes, moment: float | None = None) -> None:
        """A whole member, of a moment of its own if it has one."""
        with self.open(name, "", moment) as file:
            file.write(octets)

    def open(self, name: str, ending: str, moment: float | None = None) -> Any:
        """A member of the archive; a name that is there already gets a number."""
        chosen, number = f"{name}{ending}", 1
        while chosen.casefold() in self._names:
            number += 1
            chosen = f"{name} ({number}){ending}"
        self._names.add(chosen.casefold())
        seconds = min(max(self._now if moment is None else moment, EARLIEST), LATEST)
        when = datetime.fromtimestamp(seconds, self._zone)
        member = zipfile.ZipInfo(chosen, (when.year, when.month, when.day, when.hour, when.minute, when.second))
        member.compress_type = zipfile.ZIP_DEFLATED
        member.external_attr = 0o600 << 16
        return self._zip.open(member, "w", force_zip64=True)

    def close(self) -> bytes:
        """The end of the file."""
        self._zip.close()
        return self._sink.take()


def path(name: str) -> str:
    """A folder's name as a path within an archive: nothing leads out of it, nothing another system refuses."""
    return "/".join(_level(level) for level in name.split("/"))


def _level(name: str) -> str:
    cleaned = _UNSAFE.sub("_", name).strip(" .")[:MAX_NAME]
    return cleaned or "_"


class _Sink(io.RawIOBase):
    """Where the zip file is written to: a buffer that is emptied as it fills."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, octets: Any) -> int:
        piece = bytes(octets)
        self._pieces.append(piece)
        self.size += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return taken
