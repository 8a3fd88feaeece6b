"""The process that reads one file: `python -m mailserver.previews.child KIND LANGUAGE [ALL]`, the file on its input.

Its answer is one line of JSON, then HTML. It has its limits before it reads anything, opens no file of anybody, and
begins no process; what it cannot show is said by its exit code.
"""

import json
import resource
import sys

import defusedxml

from mailserver.previews import readers, unshown
from mailserver.previews.cell_values import HABITS
from mailserver.previews.faults import EXIT_CODES, Fault, Unreadable
from mailserver.previews.markup import Markup

MEMORY = 768 * 1024 * 1024
"""Octets of address space: what a parser needs for the largest file that is read."""
PROCESSOR_SECONDS = 10
FILES = 32
READERS = {**readers.DOCUMENTS, "csv": "tables", "zip": "zipped"}
"""The module of each kind; the others are not loaded."""
ALL = "all"
"""What no page shows is asked for, too."""


def _confine() -> None:
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: PROCESSOR_SECONDS,
        resource.RLIMIT_NOFILE: FILES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    for name, limit in limits.items():
        resource.setrlimit(name, (limit, limit))


def main() -> int:
    """Read, write, and say how it went."""
    defusedxml.defuse_stdlib()  # type: ignore[attr-defined]  # the readers parse with what they find
    kind, habits, everything = sys.argv[1], HABITS.get(sys.argv[2], HABITS["fr"]), sys.argv[3:] == [ALL]
    write = readers.reader(READERS[kind])
    _confine()
    out = Markup(everything=everything)
    try:
        octets = sys.stdin.buffer.read()
        if everything and kind in readers.DOCUMENTS:
            unshown.write_document(kind, octets, out, habits)
        else:
            write(octets, out, habits)
    except Unreadable as why:
        return EXIT_CODES[why.fault]
    except (MemoryError, RecursionError):
        return EXIT_CODES[Fault.TOO_BIG]
    except Exception:  # noqa: BLE001 - whatever a reader trips over is the file's fault
        return EXIT_CODES[Fault.BROKEN]
    sys.stdout.buffer.write(json.dumps({"cut": out.cut}).encode() + b"\n" + out.finish().encode("utf-8", "replace"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
