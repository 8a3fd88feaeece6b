"""How fast the MIME scan is: `python -m tests.bench_mime [FOLDER ...]`. CPU time, best of three.

Small messages are those of the test's own nested sample and of the corpus; large ones are one attachment or one
text of 100 MB. Folders given are read too.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from mailserver.mime import scan, unpack
from mailserver.mime.body.text import body_text, fold, header_text
from tests.mime.samples import NESTED, corpus

LINE = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3\r\n"
LARGE = 100_000_000


def measure(name: str, work: Callable[[bytes], object], messages: list[bytes]) -> None:
    """Print what one message costs, and the throughput."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for octets in messages:
            work(octets)
        best = min(best, time.process_time() - start)
    size = sum(map(len, messages))
    print(f"{name:40} {best / len(messages) * 1e6:12,.0f} us/message {size / best / 1e6:10,.0f} MB/s")


def index(octets: bytes) -> str:
    """What the search index needs of a message."""
    root = unpack(scan(octets).parts)
    return fold(header_text(octets, root) + body_text(octets, root))


def main(folders: list[str]) -> None:
    body = LINE * (LARGE // len(LINE))
    attached = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x\r\nContent-Type: application/pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + body + b"--x--\r\n"
    )
    measure("attachment of 100 MB", scan, [attached])
    measure("text of 100 MB", scan, [b"Content-Type: text/plain\r\n\r\n" + body])
    sets = {"nested sample": [NESTED] * 500, "corpus": [path.read_bytes() for path in corpus()]}
    for folder in folders:
        sets[folder] = [path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    for name, messages in sets.items():
        if messages:
            measure(f"{name}: scan", scan, messages)
            measure(f"{name}: scan and words", index, messages)


if __name__ == "__main__":
    main(sys.argv[1:])
