"""`python -m tests.fuzz TARGET [SECONDS]`: atheris looks for octets that break a target, guided by coverage.

atheris is installed beside the service, never as a part of it (README.md says how). What breaks a target is kept as
`FINDS/TARGET-*`; made a file in `cases/TARGET/`, it is a test for ever.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

SECONDS = 600
LONGEST = 4096
"""Octets of a case: more only slows the search down; costs that grow have tests of their own."""
SLOW = 5
"""Seconds after which a case counts as a find."""
MEMORY = 2048
"""MiB that a process may hold."""


def main() -> None:
    """Run one target until the time is up or a find is made."""
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        sys.exit("atheris is not installed; tests/fuzz/README.md says how")
    name = sys.argv[1]
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with atheris.instrument_imports(
        include=[
            "imap.wire",
            "mailserver.mime",
            "mailserver.model.messages.threads",
            "mailserver.model.credentials.sasl",
            "mailserver.filters.sieve",
            "directory.server",
        ]
    ):
        targets = importlib.import_module("tests.fuzz.targets")
    seeds = importlib.import_module("tests.fuzz.seeds")
    work = Path(os.environ.get("FUZZ", "/tmp/fuzz")) / name
    corpus, finds = work / "corpus", work / "finds"
    for folder in (corpus, finds):
        folder.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(seeds.of(name)):
        (corpus / f"seed{number}").write_bytes(octets)
    dictionary = work / "words"
    dictionary.write_text("".join(f'"{_escape(word)}"\n' for word in seeds.words(name)))
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        f"-timeout={SLOW}",
        f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix={finds}/{name}-",
        "-print_final_stats=1",
    ]
    if dictionary.stat().st_size:
        options.append(f"-dict={dictionary}")
    atheris.Setup([sys.argv[0], *options, str(corpus)], targets.TARGETS[name])
    atheris.Fuzz()


def _escape(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


if __name__ == "__main__":
    main()
