"""What an import must remember of a file however large: tables in a file without a name that vanishes with it."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

PORTION = 500
"""Values of one question."""


class Scratch:
    """People as a plan has made them, the keys they are known by, names it has issued, and a list of texts.

    For one thread. SQLite keeps a database with an empty name in a file that only this connection knows.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "PRAGMA cache_size=-16384",
            "CREATE TABLE person (id INTEGER PRIMARY KEY, facts TEXT NOT NULL)",
            "CREATE TABLE identity (name TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID",
            "CREATE TABLE issued (name TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID",
            "CREATE TABLE line (number INTEGER PRIMARY KEY, text TEXT NOT NULL)",
            "BEGIN",
        ):
            self._connection.execute(statement)
        self.people = 0
        """How often somebody was remembered: 0 spares every question."""
        self.lines = 0

    def close(self) -> None:
        self._connection.close()

    # ------------------------------------------------------------------ people

    def remember(self, people: Mapping[int, str], identities: Iterable[tuple[str, int]]) -> None:
        """People by number, and what they are known by from now on."""
        self.people += len(people)
        self._connection.executemany("INSERT OR REPLACE INTO person VALUES (?, ?)", people.items())
        self._connection.executemany("INSERT OR REPLACE INTO identity VALUES (?, ?)", identities)

    def by_ids(self, ids: Collection[int]) -> dict[int, str]:
        """What is remembered of these."""
        return dict(self._ask("SELECT id, facts FROM person WHERE id IN", list(ids)))

    def by_identities(self, names: Collection[str]) -> dict[str, int]:
        """Who is known by these."""
        return dict(self._ask("SELECT name, id FROM identity WHERE name IN", list(names)))

    # ------------------------------------------------------------------ names

    def issue(self, names: Iterable[tuple[str, int]]) -> None:
        """Names that the plan has given away."""
        self._connection.executemany("INSERT OR REPLACE INTO issued VALUES (?, ?)", names)

    def issued(self, names: Collection[str]) -> dict[str, int]:
        """Those of these names that it has given away."""
        return dict(self._ask("SELECT name, id FROM issued WHERE name IN", list(names)))

    def numbered(self, base: str) -> dict[str, int]:
        """As `claims.numbered`."""
        rows = self._connection.execute(
            "SELECT name, id FROM issued WHERE name >= ? AND name < ?", (f"{base}0", f"{base}:")
        )
        return dict(rows.fetchall())

    # ------------------------------------------------------------------ lines

    def write(self, texts: Sequence[str]) -> None:
        """Add lines."""
        numbered = list(enumerate(texts, self.lines))
        self.lines += len(texts)
        self._connection.executemany("INSERT INTO line VALUES (?, ?)", numbered)

    def read(self, first: int, count: int) -> list[str]:
        """Some lines."""
        rows = self._connection.execute(
            "SELECT text FROM line WHERE number >= ? AND number < ? ORDER BY number", (first, first + count)
        )
        return [str(row[0]) for row in rows]

    def _ask(self, query: str, values: Sequence[str] | Sequence[int]) -> Iterator[tuple[Any, Any]]:
        for start in range(0, len(values), PORTION):
            part = values[start : start + PORTION]
            marks = ",".join("?" * len(part))
            yield from self._connection.execute(f"{query} ({marks})", part)
