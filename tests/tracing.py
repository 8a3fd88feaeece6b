"""Which files a running program synced, and when, as strace saw it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import until

_ENDED = re.compile(r"\+\+\+ (?:exited|killed)[^\n]*\+\+\+\n\Z")
_SYNC = re.compile(r"^(\d+\.\d+) (?:fsync|fdatasync)\(\d+<([^>]*)>\) += 0 <(\d+\.\d+)>")


def traced(folder: Path) -> list[str]:
    """What stands before the words of a command so that its syncs are written down in `folder`.

    The command stays the caller's own child; the filter in the kernel stops it at these calls alone.
    """
    what = ["-e", "trace=fsync,fdatasync", "-e", "signal=none", "-y", "-ttt", "-T"]
    return ["strace", "--daemonize=grandchild", "-ff", "--seccomp-bpf", "-q", *what, "-o", str(folder / "syncs")]


@dataclass(frozen=True, slots=True)
class Sync:
    """A file or folder that was on disk at a moment (seconds since the epoch)."""

    path: Path
    began: float
    ended: float


def syncs(folder: Path) -> list[Sync]:
    """Everything that was synced, in the order in which it was done; the program has ended."""
    until(lambda: all(_ENDED.search(file.read_text(errors="replace")) for file in folder.glob("syncs.*")))
    found = []
    for file in folder.glob("syncs.*"):
        for line in file.read_text(errors="replace").splitlines():
            if match := _SYNC.match(line):
                began = float(match[1])
                found.append(Sync(Path(match[2]), began, began + float(match[3])))
    return sorted(found, key=lambda one: one.ended)


def within(done: Iterable[Sync], began: float, ended: float) -> list[Sync]:
    """What was wholly synced between two moments."""
    return [one for one in done if began <= one.began and one.ended <= ended]
