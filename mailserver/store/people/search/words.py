"""An index of the words in people's names, identifiers and addresses: substrings are looked for in every word
once, not in every person.

An academy has a few hundred thousand different words. They are kept in memory, one after another, so that a
substring is found as fast as memory is read; the people who have a word are looked up by its number. Words of
names are shared by many; words of identifiers and addresses (`emartin12`) are mostly one person's, hundreds of them
for a common name, so each kind stands by itself and is looked for only where it is asked about. Domains stand among
the words with their at sign and without people: everybody has one.

`refresh` is called by whoever writes names, identifiers or addresses, in the same unit.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, delete, exists, insert, select

from mailserver.model.folding import search_key
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.people import claims
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import name_word, person, person_word
from mailserver.store.search.vocabulary import Fragment, fragments

MAX_WORDS = 20_000
"""Words with one fragment, beyond which looking at everybody is no slower."""
MAX_PEOPLE = 20_000
"""People that the index may name, beyond which the same holds."""
ENOUGH = 100
"""Looking at so few people is cheaper than reading on."""
PORTION = 20_000
"""Words read at once."""
COMPLETE = "="
"""The word that says that everybody's words are in the index, each kind by itself."""
HANDLE = "."
"""Stands before a word of an identifier or an address, and in no word."""

_TOKEN = re.compile(r"\w+")
_KEY = "directory words"

_TEXTS = ManyStatement(
    select(
        person.c.account_id,
        person.c.name_key,
        person.c.shown_key,
        account.c.login,
        person.c.address,
        person.c.aliases,
    ).join_from(person, account, account.c.id == person.c.account_id),
    person.c.account_id,
)
_IDS = ManyStatement(select(name_word.c.word, name_word.c.id), name_word.c.word)
_HELD = ManyStatement(select(person_word.c.account_id, person_word.c.word_id), person_word.c.account_id)
_BEYOND = Statement(
    select(name_word.c.id, name_word.c.word)
    .where(name_word.c.id > bindparam("known"))
    .order_by(name_word.c.id)
    .limit(bindparam("count"))
)
_IS_COMPLETE = Statement(select(name_word.c.id).where(name_word.c.word == bindparam("word")))
_ADD = Statement(insert(name_word), keys=("word",))
_TIE = Statement(insert(person_word), keys=("word_id", "account_id"))
_UNTIE = Statement(
    delete(person_word).where(
        person_word.c.word_id == bindparam("held"), person_word.c.account_id == bindparam("owner")
    )
)
_DROP = Statement(
    delete(name_word).where(
        name_word.c.id == bindparam("gone"), ~exists().where(person_word.c.word_id == name_word.c.id)
    )
)
_PEOPLE_OF = ManyStatement(select(person_word.c.account_id), person_word.c.word_id)
_NEXT_PEOPLE = Statement(
    select(person.c.account_id)
    .where(person.c.account_id > bindparam("after"))
    .order_by(person.c.account_id)
    .limit(bindparam("count"))
)


# ---------------------------------------------------------------------- writing


def shown_key(display_name: str, common_names: str) -> str:
    """The column by which a display name and common names (one a line) are searched: each once, one a line."""
    return "\n".join(dict.fromkeys(map(search_key, filter(None, (display_name, *common_names.split("\n"))))))


def refresh(tx: Tx, account_ids: Collection[int], *, fresh: bool = False) -> None:
    """Index these people as their entries are now; without an entry they lose their words.

    `fresh`: nobody has indexed them before.
    """
    if not account_ids:
        return
    claims.lock(tx)
    if tx.one(_IS_COMPLETE, word=COMPLETE) is None:
        _index_everybody(tx)
        return
    ids = list(account_ids)
    held: dict[int, set[int]] = {}
    for account_id, word_id in () if fresh else _HELD.rows(tx, ids):
        held.setdefault(account_id, set()).add(word_id)
    wanted = _numbered(tx, ids)
    new = [(word_id, owner) for owner, words in wanted.items() for word_id in words - held.get(owner, set())]
    gone = [(word_id, owner) for owner, words in held.items() for word_id in words - wanted.get(owner, set())]
    tx.many(_TIE, [{"word_id": word_id, "account_id": owner} for word_id, owner in sorted(new)])
    if gone:
        tx.many(_UNTIE, [{"held": word_id, "owner": owner} for word_id, owner in gone])
        tx.many(_DROP, [{"gone": word_id} for word_id in {word_id for word_id, _ in gone}])


def _index_everybody(tx: Tx) -> None:
    """Whoever was there before the index: once in the life of a database."""
    tx.execute(delete(person_word))
    tx.execute(delete(name_word))
    tx.many(_ADD, [{"word": COMPLETE}])
    after = 0
    while ids := [row[0] for row in tx.all(_NEXT_PEOPLE, after=after, count=1000)]:
        refresh(tx, ids, fresh=True)
        after = ids[-1]


def _numbered(tx: Tx, account_ids: Sequence[int]) -> dict[int, set[int]]:
    """The numbers of everybody's words; words that are new get one."""
    words: dict[int, set[str]] = {}
    domains: set[str] = set()
    for account_id, name_key, shown, login, address, aliases in _TEXTS.rows(tx, account_ids):
        handles = set(_TOKEN.findall(search_key(login)))
        for whole in (address, *aliases.split()):
            local, _, domain = search_key(whole).rpartition("@")
            handles.update(_TOKEN.findall(local))
            domains.add(f"@{domain}")
        words[account_id] = {*_TOKEN.findall(name_key), *_TOKEN.findall(shown), *(HANDLE + word for word in handles)}
    every = {word for found in words.values() for word in found} | domains
    numbers = {row[0]: int(row[1]) for row in _IDS.rows(tx, list(every))}
    missing = sorted(every - numbers.keys())
    if missing:
        tx.many(_ADD, [{"word": word} for word in missing])
        numbers |= {row[0]: int(row[1]) for row in _IDS.rows(tx, missing)}
    return {owner: {numbers[word] for word in found} for owner, found in words.items()}


# ---------------------------------------------------------------------- looking up


@dataclass(frozen=True, slots=True)
class _Segment:
    """Some words, each between line feeds; where each begins, and its number."""

    blob: bytes
    starts: "array[int]"
    ids: "array[int]"

    def find(self, pattern: bytes, most: int) -> list[int] | None:
        """Numbers of the words that match; None when there are more than `most`."""
        blob, found = self.blob, list[int]()
        at = blob.find(pattern)
        while at >= 0:
            if len(found) == most:
                return None
            word = bisect_right(self.starts, at) - 1
            found.append(self.ids[word])
            end = self.starts[word + 1] if word + 1 < len(self.starts) else len(blob)
            # The line feed that ends this word begins the next one.
            at = blob.find(pattern, end)
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """What somebody has a word with: in the name, or (`handle`) in the identifier or an address."""

    fragment: Fragment
    handle: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """Every word up to a number, as one process remembers them."""

    names: tuple[_Segment, ...] = ()
    handles: tuple[_Segment, ...] = ()
    domains: tuple[str, ...] = ()
    newest: int = 0
    last: str = ""
    """The word that has this number: another one there, and nothing of what is remembered holds."""
    complete: bool = False

    @property
    def octets(self) -> int:
        return sum(len(part.blob) + 12 * len(part.ids) for part in (*self.names, *self.handles))

    def find(self, part: Part) -> list[int] | None:
        """Numbers of the words with a fragment; None: too many."""
        found: list[int] = []
        for segment in self.handles if part.handle else self.names:
            some = segment.find(part.fragment.pattern, MAX_WORDS - len(found))
            if some is None:
                return None
            found += some
        return found

    def in_domain(self, piece: str) -> bool:
        """Whether a piece of an address may lie in a domain, where everybody has it."""
        return any(piece in domain for domain in self.domains)


def known(tx: Tx) -> Words:
    """Every word there is, from memory as far as it goes."""
    words: Words = tx.memory.get(_KEY) or Words()
    rows = tx.all(_BEYOND, known=words.newest - 1, count=2)
    if rows and words.newest and (rows[0][0], rows[0][1]) != (words.newest, words.last):
        words = Words()
    elif len(rows) < 2 and words.newest:
        return words
    while rows := tx.all(_BEYOND, known=words.newest, count=PORTION):
        words = _grown(words, [(int(row[0]), str(row[1])) for row in rows])
    tx.memory.put(_KEY, words, words.octets)
    return words


def _grown(words: Words, rows: Sequence[tuple[int, str]]) -> Words:
    domains = tuple(word for _, word in rows if word.startswith("@"))
    names = [(number, word) for number, word in rows if word[:1] not in (HANDLE, "@", COMPLETE, "")]
    handles = [(number, word[1:]) for number, word in rows if word.startswith(HANDLE)]
    complete = words.complete or any(word == COMPLETE for _, word in rows)
    grown = _with(words.names, names), _with(words.handles, handles)
    return Words(*grown, (*words.domains, *domains), *rows[-1], complete)


def _with(segments: Sequence[_Segment], rows: Sequence[tuple[int, str]]) -> tuple[_Segment, ...]:
    """As many segments as the number of words has digits in base two: each is read for every search."""
    grown = [*segments, _segment(rows)] if rows else list(segments)
    while len(grown) > 1 and 2 * len(grown[-1].ids) > len(grown[-2].ids):
        last = grown.pop()
        grown[-1] = _joined(grown[-1], last)
    return tuple(grown)


def _segment(rows: Iterable[tuple[int, str]]) -> _Segment:
    starts, ids, parts, at = array("I"), array("Q"), [], 0
    for number, word in rows:
        octets = b"\n" + word.encode("utf-8")
        starts.append(at)
        ids.append(number)
        parts.append(octets)
        at += len(octets)
    return _Segment(b"".join([*parts, b"\n"]), starts, ids)


def _joined(one: _Segment, other: _Segment) -> _Segment:
    """Without the line feed between the two, which begins the second one's first word."""
    shift = len(one.blob) - 1
    starts = one.starts + array("I", [start + shift for start in other.starts])
    return _Segment(one.blob[:-1] + other.blob, starts, one.ids + other.ids)


def parts_of(piece: str, *, handle: bool, starts: bool = False, ends: bool = False) -> tuple[Part, ...]:
    """What whoever has a piece of text has words with. `starts`, `ends`: of the whole text."""
    folded = search_key(piece)
    found = list(fragments(folded))
    if not found:
        return ()
    if (starts and _TOKEN.match(folded)) or piece[:1].isspace():
        found[0] = replace(found[0], starts=True)
    if (ends or piece[-1:].isspace()) and _TOKEN.match(folded[-1]):
        found[-1] = replace(found[-1], ends=True)
    return tuple([Part(fragment, handle) for fragment in found])


def people_with(tx: Tx, parts: Iterable[Part]) -> set[int] | None:
    """Accounts that have a word for every fragment; None: nobody can tell, or they are too many."""
    words = known(tx)
    if not words.complete:
        return None
    held: set[int] | None = None
    for ids in sorted(_found(words, parts), key=len):
        if held is not None and len(held) <= ENOUGH:
            break
        these = _people(tx, ids)
        if these is not None:
            held = these if held is None else held & these
    return held


def _found(words: Words, parts: Iterable[Part]) -> Iterator[list[int]]:
    for part in parts:
        ids = words.find(part)
        if ids is not None:
            yield ids


def _people(tx: Tx, word_ids: Sequence[int]) -> set[int] | None:
    found: set[int] = set()
    for start in range(0, len(word_ids), 1000):
        found.update(row[0] for row in _PEOPLE_OF.rows(tx, word_ids[start : start + 1000]))
        if len(found) > MAX_PEOPLE:
            return None
    return found
