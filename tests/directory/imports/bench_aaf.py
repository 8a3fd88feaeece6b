"""How long an academy's AAF export takes, into the embedded directory and into OpenLDAP; not a test.

    python -m tests.directory.imports.bench_aaf --people 330000            embedded
    python -m tests.directory.imports.bench_aaf --people 50000 --openldap  a real slapd: our schema, indexes and argon2

For each: a full export into nothing, the same again (nothing changes), a delta of 2,000 changes, that again. One
person in eleven is staff; a school has some 200. `bench_intake` shows both formats and both directories in one table.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.directory.imports.aaf_generator import Academy
from tests.directory.imports.measuring import LIMIT, Figures, heading, instance, markdown, measure, openldap, swept
from tests.directory.slapd import Slapd

DELTA = 2000


def make_exports(root: Path, people: int, delta: int = DELTA) -> None:
    """`root/full` and `root/delta`; in a process of its own, whose memory is not ours."""
    staff = people // 11
    academy = Academy(staff, people - staff, max(4, people // 206))
    pid = os.fork()
    if pid == 0:
        try:
            academy.write_full(root / "full", parents=True)
            academy.write_delta(root / "delta", delta)
        finally:
            os._exit(0 if (root / "delta").exists() else 1)
    _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit("the exports could not be written")


def steps(root: Path, directory: Path, limit: float, server: Slapd | None) -> Iterator[tuple[str, Figures]]:
    """The imports, one after the other."""
    for what, folder in (
        ("AAF, from nothing", "full"),
        ("AAF, the same again", "full"),
        (f"AAF, delta of {DELTA:,}", "delta"),
        ("AAF, that again", "delta"),
    ):
        figures = measure(("import", directory, root / folder), limit, server)
        yield what, figures
        if not figures.ended:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--openldap", action="store_true", help="Into a real slapd instead of the embedded directory.")
    parser.add_argument("--pool", type=int, default=4, help="Connections to the LDAP server.")
    parser.add_argument("--limit", type=float, default=LIMIT, help="Seconds that one import may take.")
    given = parser.parse_args()
    with swept(), tempfile.TemporaryDirectory(prefix="bench-aaf-") as name, ExitStack() as stack:
        root = Path(name)
        make_exports(root, given.people)
        size = sum(path.stat().st_size for path in (root / "full").iterdir())
        print(f"{given.people} people, {size / 1e6:.0f} MB of XML; {heading()}", flush=True)
        server = stack.enter_context(openldap(root / "slapd")) if given.openldap else None
        directory = instance(root / "instance", server, given.pool)
        where = "slapd" if server else "embedded"
        rows = [(what, where, given.people, one) for what, one in steps(root, directory, given.limit, server)]
        print(markdown(rows))


if __name__ == "__main__":
    main()
