"""What a service is at when it is killed: each kind of work is begun, waited for, and looked at once more at the kill.

* `sending`: messages to a list and elsewhere. `fanout`: a mailing to everybody and to a list's members elsewhere, by
  batches. `taking-back`: one of those mailings leaves the mailboxes again. `hold`: rows of the queue are held, and a
  message waits for the owner of a moderated list.
"""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import text

from mailserver.outbound.submission import queue_admin
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue import mailings, spool
from mailserver.store.queue.mailings import State
from mailserver.store.record.audit import Origin
from tests.outbound.mailings.academy import EVERYBODY
from tests.waiting import until

PATIENCE = 300.0
ORIGIN = Origin("soak", "soak")
AWAY, MODERATED = "dehors@ac-exemple.fr", "moderee@ac-exemple.fr"
KINDS = ("sending", "fanout", "taking-back", "hold")
LONGEST = {"sending": 1.0, "fanout": 0.3, "taking-back": 0.2, "hold": 0.2}
"""Seconds from the beginning of the work to the kill, at most: it is to be under way still."""


@dataclass
class Moments:
    """Brings each about, and remembers what has to come of it."""

    store: Store
    hand_in: Callable[[str, list[str]], bool]
    """A message with this token, to these; whether it was taken."""
    answers: dict[str, str]
    """What the other server says to an address, until it is taken out."""
    dice: random.Random
    people: int
    seen: Counter[str] = field(default_factory=Counter)
    """Kills at which the work of a kind was under way."""
    mailings: list[str] = field(default_factory=list)
    """Tokens of those that were taken and are not taken back."""
    moderated: list[str] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    left_while_held: list[int] = field(default_factory=list)
    """Rows that were held, and were gone before anybody let them leave."""
    turn: int = 0

    def reach(self, kind: str) -> None:
        """Return at a random moment of such work, to be killed at."""
        self.turn += 1
        is_under_way = {
            "sending": self._sending,
            "fanout": self._fan_out,
            "taking-back": self._take_back,
            "hold": self._hold,
        }[kind]()
        time.sleep(self.dice.uniform(0, LONGEST[kind]))
        self.seen[kind] += bool(is_under_way())

    def _sending(self) -> Callable[[], object]:
        return lambda: self.store.read_now(_leased)

    def _fan_out(self) -> Callable[[], object]:
        token = f"m-{self.turn}"
        if self.hand_in(token, [EVERYBODY, AWAY]):
            self.mailings.append(token)
        with contextlib.suppress(AssertionError):  # it was over before we looked
            until(lambda: self.store.read_now(_sending), 20)
        return lambda: self.store.read_now(_sending)

    def _take_back(self) -> Callable[[], object]:
        """A mailing of its own, half-way or once it was sent."""
        token = f"t-{self.turn}"
        self.hand_in(token, [EVERYBODY, AWAY])
        number = self.store.read_now(_of_token, token)
        if number == 0:
            return lambda: False
        share = self.dice.choice((0.1, 0.5, 1))
        until(lambda: self.store.read_now(_have_it, number) >= share * self.people, PATIENCE)
        self.store.write_now(_take_back, number)
        with contextlib.suppress(AssertionError):
            until(lambda: self.store.read_now(_taking, number), 20)
        return lambda: self.store.read_now(_taking, number)

    def _hold(self) -> Callable[[], object]:
        """One whose first attempt failed: what is being sent cannot be held."""
        self.let_go()
        token, address = f"h-{self.turn}", f"h{self.turn}@c.fr"
        self.answers[address] = "451 4.3.0 Later"
        if self.hand_in(token, [MODERATED, address]):
            self.moderated.append(token)
            with contextlib.suppress(AssertionError):
                until(lambda: self.store.read_now(_put_off), 60)
            self.store.write_now(queue_admin.hold, ORIGIN, self.store.read_now(_put_off))
        del self.answers[address]
        self.held = set(self.store.read_now(_held))
        return lambda: self.held

    def let_go(self) -> None:
        """What is held may leave; what is not there any more has left by itself."""
        there = set(self.store.read_now(_held))
        self.left_while_held += sorted(self.held - there)
        if there:
            self.store.write_now(queue_admin.release, ORIGIN, sorted(there))
        self.held = set()


def _taken_back(one: mailings.Mailing) -> State | None:
    return State.WITHDRAWN if one.started and one.state in (*mailings.OPEN, *mailings.DELIVERED) else None


def _take_back(tx: Tx, number: int) -> None:
    mailings.move(tx, ORIGIN, number, _taken_back, "withdrawing")


def _number(tx: Tx, words: str, **values: object) -> int:
    return int(tx.execute(text(words), values).scalar() or 0)


def _leased(tx: Tx) -> int:
    return _number(tx, "SELECT count(*) FROM queued_domain WHERE lease > 0")


def _sending(tx: Tx) -> int:
    return _number(tx, "SELECT count(*) FROM mailing WHERE state = 'sending' AND reached + queued < total")


def _of_token(tx: Tx, token: str) -> int:
    return _number(tx, "SELECT max(id) FROM mailing WHERE subject = :token", token=token)


def _have_it(tx: Tx, number: int) -> int:
    return _number(tx, "SELECT reached FROM mailing WHERE id = :number", number=number)


def _taking(tx: Tx, number: int) -> int:
    """Whether its act has begun and has not gone through all mailboxes."""
    words = (
        "SELECT count(*) FROM withdrawal JOIN mailing ON withdrawal_id = withdrawal.id"
        " WHERE mailing.id = :number AND swept = 0"
    )
    return _number(tx, words, number=number)


def _put_off(tx: Tx) -> list[int]:
    """Rows that were tried, that nobody is at, and that nobody holds."""
    words = "SELECT id FROM queued_domain WHERE domain = 'c.fr' AND lease = 0 AND attempts > 0 AND error_code <> :held"
    return list(tx.execute(text(words), {"held": spool.HELD.name}).scalars())


def _held(tx: Tx) -> list[int]:
    words = "SELECT id FROM queued_domain WHERE error_code = :held"
    return list(tx.execute(text(words), {"held": spool.HELD.name}).scalars())
