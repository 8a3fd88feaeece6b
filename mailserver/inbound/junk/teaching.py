"""Teaching by hand: messages out of files, and models that are forgotten. Both are on record."""

import asyncio
import hashlib
import mailbox
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from mailserver.inbound.junk.bayes import numbers
from mailserver.inbound.junk.counts import Lesson
from mailserver.inbound.junk.learning import closed, opened
from mailserver.inbound.junk.tokens import WINDOW, tokens
from mailserver.mime import scan, unpack
from mailserver.model.errors import Refused
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import junk
from mailserver.store.mail.junk import ACADEMY, Model
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause

BATCH = 200
"""Messages that one write of a model learns."""
TRIES = 5
_MBOX = b"From "


def messages_in(path: Path) -> Iterator[bytes]:
    """The beginnings of the messages in a file, an mbox, a Maildir, or in every file below a folder. Raises OSError."""
    if not path.is_dir():
        yield from _of_file(path)
        return
    for one in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in one.relative_to(path).parts[-1:])
        if one.is_file() and not hidden and not one.name.startswith(("dovecot", "maildirfolder", "subscriptions")):
            yield from _of_file(one)


def _of_file(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        start = file.read(WINDOW)
    if not start.startswith(_MBOX):
        if start.strip():
            yield start
        return
    box = mailbox.mbox(path, create=False)
    try:
        for key in box.iterkeys():
            with box.get_file(key) as one:
                yield one.read(WINDOW)
    finally:
        box.close()


def lessons_of(spam: Sequence[Path], ham: Sequence[Path]) -> Iterator[Lesson]:
    """A lesson for each message, once however often it stands there; of both kinds in turn."""
    known: set[bytes] = set()
    kinds = [(one for path in paths for one in messages_in(path)) for paths in (spam, ham)]
    waiting = [(kind, junk_or_not) for kind, junk_or_not in zip(kinds, (1, 0), strict=True)]
    while waiting:
        for source, is_junk in waiting.copy():
            octets = next(source, None)
            if octets is None:
                waiting.remove((source, is_junk))
                continue
            digest = hashlib.blake2b(octets, digest_size=16).digest()
            if digest not in known:
                known.add(digest)
                yield Lesson(numbers(tokens(octets, unpack(scan(octets).parts))), is_junk, 1 - is_junk)


async def train(store: Store, account_id: int, lessons: Iterator[Lesson], origin: Origin) -> tuple[int, int]:
    """Add lessons to a model; how many of junk and good ones. Raises Refused(CONFLICT), Temporary, OSError."""
    spam = ham = 0
    while batch := await asyncio.to_thread(lambda: list(islice(lessons, BATCH))):
        await teach(store, account_id, batch)
        spam, ham = spam + sum(one.spam for one in batch), ham + sum(one.ham for one in batch)
    if spam or ham:
        await store.write(_trained, account_id, spam, ham, origin)
    return spam, ham


def _trained(tx: Tx, account_id: int, spam: int, ham: int, origin: Origin) -> None:
    audit.record(tx, origin, Action.JUNK_TAUGHT, account_id, Cause("junk-trained", spam=spam, ham=ham))


async def teach(store: Store, account_id: int, lessons: Sequence[Lesson]) -> None:
    """Add lessons to a model at once; a service that learns meanwhile is waited for. Raises Refused(CONFLICT)."""
    for left in reversed(range(TRIES)):
        before = (await store.read(junk.models, [account_id])).get(account_id)
        after = await asyncio.to_thread(_made, account_id, before, lessons)
        try:
            await store.write(junk.save, before, after)
        except Refused:
            if not left:
                raise
        else:
            return


def _made(account_id: int, before: Model | None, lessons: Sequence[Lesson]) -> Model:
    model = opened(before, account_id)
    model.add(lessons)
    return closed(account_id, model)


def forget(tx: Tx, account_id: int | None, origin: Origin) -> int:
    """Forget what the academy or an account has taught, None: what everybody has; how many models that were."""
    count = junk.forget(tx, account_id)
    audit.record(tx, origin, Action.JUNK_TAUGHT, account_id or ACADEMY, Cause("junk-forgotten", count=count))
    return count
