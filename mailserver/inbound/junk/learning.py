"""Learns in the background from what people moved into Spam and out of it (`mailserver.store.mail.lessons`).

Each model is made anew beside the store and put in the place of the one it was made from; whoever comes second finds
that out and begins again, so that any number of processes may do this at once. What counts for the academy is what
most of those say who said something of a message, once, and only of mail that came from outside. What fewer than
AGREEING say teaches it MOST_ALONE messages a day of each account: nobody turns everybody's mail into junk by moving
five hundred copies of it that they sent themselves.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Junk
from mailserver.inbound.junk import counts
from mailserver.inbound.junk.bayes import numbers
from mailserver.inbound.junk.counts import Counts, Dense, Sparse
from mailserver.inbound.junk.tokens import WINDOW, tokens
from mailserver.mime import unpack
from mailserver.model.clock import DAY
from mailserver.model.errors import Damaged, Refused, Temporary
from mailserver.store.engine.statements import Row
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, junk
from mailserver.store.mail.junk import ACADEMY, Lesson, Model
from mailserver.store.mail.lessons import Said
from mailserver.store.octets.files import BlobFolder

log = structlog.get_logger("junk")

PERIOD = 2.0
"""Seconds between two looks for lessons."""
PAUSE = 0.05
BATCH = 100
"""Lessons of one round."""
AGREEING = 3
"""Accounts that say the same of a message, of which any number teaches the academy."""
MOST_ALONE = 5


@dataclass(frozen=True, slots=True)
class Round:
    """What a round learns from: lessons that wait, everything said of their messages, models, and octets."""

    lessons: Sequence[Lesson]
    said: Sequence[Lesson]
    spent: Mapping[int, int]
    """Messages by which an account has taught the academy within a day."""
    models: Mapping[int, Model]
    sources: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Step:
    """One model's part in a round."""

    before: Model | None
    after: Model
    lessons: Sequence[Lesson]


class Learner:
    """One per machine, in the process that keeps the search index up."""

    def __init__(self, *, settings: Junk, store: Store, changes: Changes) -> None:
        self._settings = settings
        self._store = store
        self._changes = changes

    async def run(self) -> None:
        """Learn until cancelled. An idle store costs one look at its generation every two seconds."""
        done = -1
        while True:
            now = self._changes.generation()
            if now != done and await self.learn():
                await asyncio.sleep(PAUSE)
                continue
            done = now
            await asyncio.sleep(PERIOD)

    async def learn(self) -> int:
        """One round; how many lessons it was about."""
        if not self._settings.learn:
            return await self._store.write(junk.drop_lessons, BATCH) if await self._store.read(junk.due, 1) else 0
        work = await self._store.read(_gather)
        if not work.lessons:
            return 0
        steps = await asyncio.to_thread(_steps, work, self._store.blobs)
        for step in steps:
            try:
                await self._store.write(_learned, step)
            except Refused:
                # Nothing after it either: what the academy misses now, it would never hear of again.
                log.info("taught by another process meanwhile", account=step.after.account_id)
                break
        log.debug("learned", lessons=len(work.lessons), models=len(steps))
        return len(work.lessons)


def _gather(tx: Tx) -> Round:
    lessons = junk.due(tx, BATCH)
    ids = sorted({one.content_id for one in lessons})
    accounts = sorted({one.account_id for one in lessons})
    models = junk.models(tx, accounts) if lessons else {}
    spent = junk.taught_since(tx, accounts, tx.now - DAY)
    return Round(lessons, junk.lessons_of(tx, ids), spent, models, junk.sources(tx, ids))


def _steps(work: Round, folder: BlobFolder) -> list[Step]:
    """The models of a round, the academy's first: the lessons of the accounts wait until it is on disk."""
    keys = {row[0]: numbers(_tokens(row, folder)) for row in work.sources}
    by_account: dict[int, list[Lesson]] = defaultdict(list)
    for one in work.lessons:
        by_account[one.account_id].append(one)
    voted = _votes(work)
    found = [_step(ACADEMY, work.models.get(ACADEMY), voted, keys)] if voted else []
    return found + [_step(account, work.models.get(account), some, keys) for account, some in by_account.items()]


def _votes(work: Round) -> list[Lesson]:
    """What the academy is to learn: of each message what most say of it, where that is not what it has learned."""
    ids = {one.content_id for one in work.lessons if one.public}
    votes: dict[int, Counter[Said]] = {content_id: Counter() for content_id in ids}
    before: dict[int, Said] = {}
    for one in work.said:
        if one.account_id == ACADEMY:
            before[one.content_id] = one.taught
        elif one.public and one.content_id in votes:
            votes[one.content_id][one.wanted] += 1
    spent = Counter(work.spent)
    found = []
    for content_id, votes_of in sorted(votes.items()):
        lead = votes_of[Said.SPAM] - votes_of[Said.HAM]
        wanted = Said.SPAM if lead > 0 else Said.HAM if lead < 0 else Said.NOTHING
        taught = before.get(content_id, Said.NOTHING)
        if wanted is taught:
            continue
        # What is taken back is no more than was learned.
        if taught is not Said.NOTHING or votes_of[wanted] >= AGREEING or _spend(work, content_id, wanted, spent):
            found.append(Lesson(ACADEMY, content_id, wanted, taught, public=False))
    return found


def _spend(work: Round, content_id: int, wanted: Said, spent: Counter[int]) -> bool:
    """Whether one of those who say so now may still teach the academy alone; counted."""
    of_it = [one for one in work.lessons if one.content_id == content_id and one.public]
    saying = [one.account_id for one in of_it if one.wanted is wanted]
    if all(spent[account_id] >= MOST_ALONE for account_id in saying):
        return False
    spent.update(saying)
    return True


def _step(account_id: int, before: Model | None, lessons: Sequence[Lesson], keys: Mapping[int, Sequence[int]]) -> Step:
    model = opened(before, account_id)
    model.add(_counted(one, keys[one.content_id]) for one in lessons if one.content_id in keys)
    return Step(before, closed(account_id, model), lessons)


def _counted(one: Lesson, keys: Sequence[int]) -> counts.Lesson:
    spam = (one.wanted is Said.SPAM) - (one.taught is Said.SPAM)
    ham = (one.wanted is Said.HAM) - (one.taught is Said.HAM)
    return counts.Lesson(keys, spam, ham)


def opened(model: Model | None, account_id: int) -> Counts:
    """A model, unpacked."""
    kind = Dense if account_id == ACADEMY else Sparse
    return kind(model.spam, model.ham, model.counts or b"") if model is not None else kind()


def closed(account_id: int, opened: Counts) -> Model:
    """A model, packed."""
    return Model(account_id, 0, opened.spam, opened.ham, opened.packed())


def _learned(tx: Tx, step: Step) -> None:
    if step.after.account_id == ACADEMY:
        junk.taught_academy(tx, step.lessons)
    else:
        junk.taught(tx, step.lessons)
    junk.save(tx, step.before, step.after)


def _tokens(source: Row, folder: BlobFolder) -> list[str]:
    """Nothing of a message that is damaged or out of reach: the others are still learned."""
    content_id, parts, head_frame, octets, file = source
    try:
        head = blobs.expand(head_frame)
        body = blobs.read_start(folder, octets, file, max(WINDOW - len(head), 0))
        return tokens((head + body)[:WINDOW], unpack(parts))
    except (Damaged, Temporary) as error:
        log.error("a message cannot be learned from", content=content_id, why=str(error))
        return []
