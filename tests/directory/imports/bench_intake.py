"""Imports of both formats into both directories, in one table; not a test.

    python -m tests.directory.imports.bench_intake --people 330000 --slapd-people 20000

CSV and AAF from nothing, the same files again (nothing changes), an AAF delta of 2,000. slapd has fewer people by
default, for an entry takes it and the client some 2 ms; the table says how many. A command that takes longer than
`--limit` is killed and told; folders and servers go at the end, also of a bench that is interrupted.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.directory.imports import bench_aaf, bench_import
from tests.directory.imports.measuring import LIMIT, Figures, heading, instance, markdown, measure, openldap, swept
from tests.directory.slapd import Slapd

FORMATS = ("csv", "aaf")
DIRECTORIES = ("embedded", "slapd")


def csv_steps(path: Path, directory: Path, limit: float, server: Slapd | None) -> Iterator[tuple[str, Figures]]:
    """The file into nothing, and again."""
    for what in ("CSV, from nothing", "CSV, the same again"):
        figures = measure(("import", directory, path), limit, server)
        yield what, figures
        if not figures.ended:
            return


def bench(root: Path, form: str, where: str, people: int, limit: float) -> Iterator[tuple[str, Figures]]:
    """One format into one directory, in an instance of its own."""
    with tempfile.TemporaryDirectory(dir=root) as name, ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(openldap(folder / "slapd")) if where == "slapd" else None
        directory = instance(folder / "instance", server)
        if form == "csv":
            bench_import.write(folder / "people.csv", bench_import.people(people))
            yield from csv_steps(folder / "people.csv", directory, limit, server)
        else:
            bench_aaf.make_exports(folder, people)
            yield from bench_aaf.steps(folder, directory, limit, server)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=40_000, help="in the embedded directory")
    parser.add_argument("--slapd-people", type=int, default=10_000)
    parser.add_argument("--formats", nargs="*", choices=FORMATS, default=FORMATS)
    parser.add_argument("--directories", nargs="*", choices=DIRECTORIES, default=DIRECTORIES)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that one import may take")
    given = parser.parse_args()
    rows: list[tuple[str, str, int, Figures]] = []
    print(heading(), flush=True)
    with swept(), tempfile.TemporaryDirectory(prefix="bench-intake-") as name:
        for where in given.directories:
            people = given.slapd_people if where == "slapd" else given.people
            for form in given.formats:
                for what, figures in bench(Path(name), form, where, people, given.limit):
                    rows.append((what, where, people, figures))
                    print(f"{where}: {what}: {figures.seconds:.1f} s", flush=True)
    print(f"\n{markdown(rows)}\n\nAt the end: {heading()}")


if __name__ == "__main__":
    main()
