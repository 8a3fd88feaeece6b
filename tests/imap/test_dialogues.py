"""Every golden dialogue, in every way: a line at a time, an octet at a time, pipelined, on both engines."""

from pathlib import Path

import pytest

from mailserver.store.engine.transactions import Store
from tests.imap import dialogues
from tests.imap.world import World, play

FILES = sorted(dialogues.FOLDER.glob("*.txt"))
ALONE = [path for path in FILES if len(dialogues.read(path).sessions) == 1]


def _name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_line_by_line(path: Path, store: Store) -> None:
    _play(path, store, dialogues.whole)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_octet_by_octet(path: Path, sqlite_store: Store) -> None:
    _play(path, sqlite_store, dialogues.bytewise)


@pytest.mark.parametrize("path", ALONE, ids=_name)
def test_pipelined(path: Path, sqlite_store: Store) -> None:
    """One command at a time, whatever waits behind it: STORE and EXPUNGE in one segment do not race."""
    _play(path, sqlite_store, dialogues.whole, pipelined=True)


def _play(path: Path, store: Store, send: dialogues.Sender, *, pipelined: bool = False) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await dialogues.play(dialogues.read(path), world, send, pipelined=pipelined)

    play(scene)
