"""Searching: every answer equals that of a naive scan of decoded texts, before, while and after indexing."""

import asyncio
import contextlib
import itertools
import os
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from functools import cache, partial
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, delete, func, select, update

from mailserver.background import index_worker
from mailserver.background.index_worker import Indexer
from mailserver.foundation.host_processes import LAST
from mailserver.mime import scan, unpack
from mailserver.mime.body.text import body_text, fold, header_text
from mailserver.mime.header import dates
from mailserver.mime.writing.compose import base64, quoted_printable
from mailserver.mime.writing.fields import Correspondent, addresses, field
from mailserver.model.clock import SystemClock
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.criteria import (
    STAR,
    All,
    And,
    AttachmentNamed,
    Body,
    Criterion,
    Flag,
    HasAttachment,
    Header,
    Larger,
    ModSeq,
    Not,
    Numbers,
    Or,
    Received,
    Recent,
    Relation,
    Sent,
    Smaller,
    Text,
    Uids,
)
from mailserver.store.engine.memory import ENTRY, Memory
from mailserver.store.engine.statements import Row
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, collect, mailboxes, messages
from mailserver.store.octets.files import BlobFolder, files_of
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.mail.search import search_account, search_segment, search_text
from mailserver.store.search import content_texts, header_cache, indexing_lease, row_tests, search, segments, vocabulary
from mailserver.store.search import texts as textual
from mailserver.store.upkeep import integrity

# fmt: off
WORDS = [
    "élève", "Élèves", "eleve", "élevé", "réunion", "réunions", "l'école", "l’école", "cœur", "coeur", "compte-rendu",
    "rendez-vous", "12h30", "n°12", "a@b.fr", "straße", "STRASSE", "ﬁn", "fin", "façade", "facade", "Noël", "noël",
    "œuvre", "où", "ou", "dès", "des", "naïve", "2024", "été", "ete", "https://exemple.fr/a?b=c", "(note)", "…",
    "[x]", "«oui»",
]
# fmt: on


def letter(rng: random.Random, number: int) -> bytes:
    """A message of random words, in one of the ways senders encode them."""
    text = ""
    for _ in range(rng.randint(1, 30)):
        text += rng.choice(WORDS) + rng.choice([" ", " ", "\r\n", "  ", ", ", ". ", "\u00a0", ""])
    if number % 11 == 0:
        text += " " + "z" * (vocabulary.MAX_WORD + 1)  # in no vocabulary
    charset, coding = rng.choice([("utf-8", "quoted-printable"), ("utf-8", "base64"), ("utf-8", "8bit")])
    kind = rng.choice(["plain", "plain", "html"])
    if kind == "html":
        text = f"<p>{text}</p><p><b>{rng.choice(WORDS)[:3]}</b>{rng.choice(WORDS)}</p>"
    octets = text.encode(charset)
    if coding == "base64":
        octets = base64(octets)
    elif coding == "quoted-printable":
        octets = quoted_printable(octets.replace(b"\r\n", b"\n"))
    return (
        addresses("From", [Correspondent(rng.choice(WORDS), f"u{number % 7}@exemple.fr")])
        + addresses("To", [Correspondent("", "edupont@ac-exemple.fr")])
        + field("Subject", f"{rng.choice(WORDS)} {rng.choice(WORDS)}")
        + (b"X-Note: " + str(number).encode() + b"\r\n" if number % 3 == 0 else b"")
        + f"Date: {1 + number % 28} Nov 2023 0{number % 10}:00:00 +{number % 2}200\r\n".encode()
        + f"Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: {coding}\r\n\r\n".encode()
        + octets
    )


def inbox(store: Store, account_id: int) -> int:
    return store.read_now(mailboxes.get, account_id, "INBOX").id


def put(store: Store, account_id: int, box: int, octets: bytes, flags: tuple[str, ...] = ()) -> messages.Appended:
    prepared = blobs.prepare(octets, store.data / "blobs")
    return store.write_now(messages.append, account_id, box, prepared, flags, 1_700_000_000)


def find(store: Store, account_id: int, box: int, criterion: Criterion) -> list[int]:
    return store.read_now(search.search, account_id, box, criterion, store.data / "blobs")


def index_everything(store: Store) -> int:
    """Step until nothing is left; how many steps it took."""
    worker = Indexer(store=store, clock=SystemClock(), changes=store.changes)

    async def run() -> int:
        steps = 0
        while await worker.step():
            steps += 1
        return steps

    return asyncio.run(run())


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits so low that a few dozen messages need several segments and merges."""
    monkeypatch.setattr(segments, "SEGMENT_TEXTS", 16)
    monkeypatch.setattr(segments, "SEGMENT_MINIMUM", 10)
    monkeypatch.setattr(content_texts, "BATCH", 20)
    monkeypatch.setattr(content_texts, "UNIT_TEXTS", 7)
    monkeypatch.setattr(segments, "MAX_TEXTS", 64)
    monkeypatch.setattr(textual, "REMEMBERED", 12)
    monkeypatch.setattr(header_cache, "REMEMBERED", 12)
    monkeypatch.setattr(header_cache, "PORTION", 13)
    monkeypatch.setattr(header_cache, "FEW", 3)


# ---------------------------------------------------------------------- against a naive scan


class Decoded(NamedTuple):
    """What there is of a message to search in: header lines, and the body."""

    lines: list[str]
    body: str


@cache
def decoded(octets: bytes) -> Decoded:
    root = unpack(scan(octets).parts)
    lines = [fold(line) for line in header_text(octets, root).split("\n") if line]
    return Decoded(lines, fold(body_text(octets, root)))


def naive(octets: bytes, criterion: Criterion) -> bool:
    """What a search of the decoded texts says."""
    lines, body = decoded(octets)
    match criterion:
        case Body(text):
            return fold(text) in body
        case Text(text):
            return fold(text) in body or any(fold(text) in line for line in lines)
        case Header(name, text):
            start = f"{name.lower()}: "
            return any(line.startswith(start) and fold(text) in line.removeprefix(start) for line in lines)
    raise AssertionError(criterion)


def needles(rng: random.Random) -> Iterator[str]:
    for word in WORDS:
        yield word
        yield word.upper()
        start = rng.randrange(len(word))
        yield word[start : start + rng.randint(1, 5)]
    for _ in range(20):
        phrase = f"{rng.choice(WORDS)}{rng.choice([' ', '  ', ', '])}{rng.choice(WORDS)}"
        start = rng.randrange(len(phrase))
        yield phrase[start : start + rng.randint(1, 12)]
    yield from ("e", " ", ", ", ".", "@", "absent", "rendez", "-vous", "'", "é", "oe", "ss", "<p>", "exemple", "zzz")


def test_like_a_naive_scan(store: Store, edupont: int, small_segments: None) -> None:
    rng = random.Random(2)
    box = inbox(store, edupont)
    letters = {}
    for number in range(90):
        octets = letter(rng, number)
        letters[put(store, edupont, box, octets).uid] = octets
    criteria: list[Criterion] = [make(needle) for needle in needles(rng) for make in (Body, Text)]
    criteria += [Header(name, needle) for needle in needles(rng) for name in ("Subject", "FROM")]
    criteria += [
        Header("X-Note", ""),
        Header("x-note", "12"),
        Header("Absent", ""),
        Header("Note", ""),
        Header("Date", "nov 2023"),
        Header("Subject", ""),
        Header("not a name", ""),
    ]
    expected = {
        criterion: [uid for uid, octets in letters.items() if naive(octets, criterion)]
        for criterion in dict.fromkeys(criteria)
    }
    assert sum(map(bool, expected.values())) > 100

    def check(every: int = 1) -> None:
        for criterion, uids in list(expected.items())[::every]:
            assert find(store, edupont, box, criterion) == uids, criterion

    check(every=10)  # slow: every message is read each time
    steps = Indexer(store=store, clock=SystemClock(), changes=store.changes)
    for _ in range(5 + 3):  # all texts, some segments
        assert asyncio.run(steps.step())
    assert 0 < sum(segment_sizes(store, edupont)) < 90
    check(every=4)
    index_everything(store)
    assert segment_sizes(store, edupont)
    check()


ODD_HEADERS = [
    b"Subject: first\r\nsubject : second\r\nTo: a@b\r\n",
    b"Subject: over\r\n two\r\n\tlines\r\nX-Subject: hidden\r\n",
    b"SUBJECT:\r\nTo: Subject: in a value\r\n",
    b"Subject: =?utf-8?q?=C3=A9t=C3=A9?= =?utf-8?q?_2024?=\r\n",
    "Subject: été brut\r\n".encode(),
    b"Subject: control\x01here\x0bthere\r\nMessage-ID: <a b@c>\r\nReferences: <1@x>\r\n <2@x>\r\n",
    b"no field\r\nSubject: behind it\r\n",
    b"Subject: only lf\n folded\nTo: x\n",
    b"From: one@x\r\nFrom: two@x\r\nTo: three@x\r\nTO: four@x\r\nSubject: repeated\r\n",
    b"Bcc: hidden@x\r\nSubject: =?utf-8?q?_behind_?=\r\nMessage-ID: =?utf-8?q?<odd=40id>?=\r\n",
    b"To: " + b", ".join(b"first%d@x" % number for number in range(400)) + b"\r\nSubject: to many\r\n",
    b"X-Padding: " + b"x" * 70_000 + b"\r\nSubject: far down first\r\n",
]


def test_odd_headers_like_a_naive_scan(
    store: Store, make_store: Callable[[], Store], edupont: int, small_segments: None
) -> None:
    """Fields that stand twice, are folded, empty, encoded or raw are found as their decoded lines say."""
    box = inbox(store, edupont)
    letters = {}
    for head in ODD_HEADERS:
        octets = head + b"\r\nSubject: no longer the header\r\n"
        letters[put(store, edupont, box, octets).uid] = octets
    fill(store, edupont, 20, first=500)
    texts = [
        "",
        " ",
        "first",
        "second",
        "over two lines",
        "two",
        "ete",
        "ete 2024",
        "brut",
        "control here",
        "here there",
    ]
    texts += [
        "hidden",
        "in a value",
        "<a b@c>",
        "<ab@c>",
        "<1@x> <2@x>",
        "2@x",
        "behind",
        "no longer",
        "lf folded",
        "e",
        "one@x",
        "two@x",
        "x,",
        "@x, two",
        "@x,four",
        "first399@x",
        "<odd@id>",
        "behind ",
        " behind",
    ]
    names = ("Subject", "From", "To", "Bcc", "Message-ID", "References")
    criteria = [Header(name, text) for name in names for text in texts]

    def check(store: Store) -> None:
        for criterion in criteria:
            expected = [uid for uid, octets in letters.items() if naive(octets, criterion)]
            found = find(store, edupont, box, criterion)
            assert [uid for uid in found if uid in letters] == expected, criterion

    check(store)
    store.write_now(lambda tx: tx.execute(update(content).values(search_fields=None)))
    check(make_store())  # of contents that were stored before their fields were kept
    index_everything(store)
    assert segment_sizes(store, edupont)
    check(store)
    check(store)


def test_names_of_attached_files_are_found(store: Store, edupont: int, small_segments: None) -> None:
    box = inbox(store, edupont)
    name = "filename*=utf-8''Compte%20rendu%20d%E2%80%99%C3%A9t%C3%A9.pdf"
    octets = (
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nVoici.\r\n--b\r\n"
        b"Content-Type: application/pdf\r\nContent-Disposition: attachment; "
        + name.encode()
        + b"\r\n\r\nabc\r\n--b--\r\n"
    )
    uid = put(store, edupont, box, octets).uid
    fill(store, edupont, 20, first=700)
    for _ in range(2):
        for needle in ("compte rendu", "D'ETE.PDF", "rendu d’été"):
            assert find(store, edupont, box, Body(needle)) == [uid], needle
        assert uid in find(store, edupont, box, Text("été.pdf"))
        index_everything(store)


def test_addresses_are_found_as_the_envelope_has_them(store: Store, edupont: int, small_segments: None) -> None:
    """RFC 3501 section 6.4.4: FROM, TO, CC and BCC look into the envelope, where no comment stands in an address."""
    box = inbox(store, edupont)
    written = b"From: (Bureau) <c.garnier (14)@ (annexe) exemple (le vrai).org>\r\nSubject: a (b) c\r\n\r\nx\r\n"
    uid = put(store, edupont, box, written).uid
    fill(store, edupont, 20, first=900)
    for _ in range(2):
        for needle in ("c.garnier@exemple.org", "R@EXEMPLE", "(annexe)"):
            assert find(store, edupont, box, Header("From", needle)) == [uid], needle
            assert uid in find(store, edupont, box, Text(needle))
        assert find(store, edupont, box, Header("Subject", "a b")) == []
        index_everything(store)


def segment_sizes(store: Store, account_id: int) -> list[int]:
    """Sizes of the segments of an account."""
    return sorted(len(one.docs) for one in store.read_now(segments.documents, account_id))


# ---------------------------------------------------------------------- what rows know


def plain(number: int, date_field: str = "", body: str = "x") -> bytes:
    head = f"Subject: number {number}\r\n" + (f"Date: {date_field}\r\n" if date_field else "")
    return f"{head}\r\n{body}".encode()


@pytest.fixture
def five(store: Store, edupont: int) -> int:
    """INBOX with five messages: UIDs 1 to 5."""
    box = inbox(store, edupont)
    put(store, edupont, box, plain(1, "Tue, 14 Nov 2023 23:30:00 -0500"), ("\\Seen", "Travail"))
    put(store, edupont, box, plain(2, "Wed, 15 Nov 2023 00:30:00 +0200", "x" * 500), ("\\Flagged",))
    put(store, edupont, box, plain(3), ("\\Seen", "\\Answered"))
    put(store, edupont, box, plain(4, "Mon, 1 Jan 2024 12:00:00 +0000"), ("\\Deleted", "\\Draft"))
    put(store, edupont, box, b"Content-Type: application/pdf\r\nSubject: number 5\r\n\r\nx")
    return box


ROWS: list[tuple[Criterion, list[int]]] = [
    (All(), [1, 2, 3, 4, 5]),
    (And(()), [1, 2, 3, 4, 5]),
    (Or(()), []),
    (Flag("\\seen"), [1, 3]),
    (Not(Flag("\\Seen")), [2, 4, 5]),
    (Flag("travail"), [1]),
    (Flag("nowhere"), []),
    (Not(Flag("nowhere")), [1, 2, 3, 4, 5]),
    (And((Flag("\\Seen"), Flag("\\Answered"))), [3]),
    (Or((Flag("\\Flagged"), Flag("\\Draft"))), [2, 4]),
    (Larger(400), [2]),
    (Smaller(400), [1, 3, 4, 5]),
    (Uids(((2, 3),)), [2, 3]),
    (Uids(((STAR, STAR),)), [5]),
    (Uids(((4, STAR),)), [4, 5]),
    (Uids(((STAR, 4),)), [4, 5]),
    (Uids(((900, STAR),)), [5]),
    (Uids(tuple((number * 2, number * 2) for number in range(1, 40))), [2, 4]),
    (Numbers(((1, 2), (5, 5))), [1, 2, 5]),
    (Recent(), [1, 2, 3, 4, 5]),
    (HasAttachment(), [5]),
    (AttachmentNamed("nulle part"), []),
    (Received(Relation.ON, date(2023, 11, 14)), [1, 2, 3, 4, 5]),
    (Received(Relation.BEFORE, date(2023, 11, 14)), []),
    (Received(Relation.BEFORE, date(2023, 11, 15)), [1, 2, 3, 4, 5]),
    (Received(Relation.SINCE, date(2023, 11, 15)), []),
    (Sent(Relation.ON, date(2023, 11, 14)), [1, 3, 5]),
    (Sent(Relation.ON, date(2023, 11, 15)), [2]),
    (Sent(Relation.BEFORE, date(2023, 11, 15)), [1, 3, 5]),
    (Sent(Relation.SINCE, date(2023, 11, 15)), [2, 4]),
    (And((Text("number"), Not(Body("xxx")))), [1, 3, 4, 5]),
    (Or((Header("Subject", "5"), And((Flag("\\Seen"), Body("x"))))), [1, 3, 5]),
    (Not(Or((Header("Subject", "number 2"), Text("number 3")))), [1, 4, 5]),
]


def test_rows(store: Store, edupont: int, five: int) -> None:
    for criterion, uids in ROWS:
        assert find(store, edupont, five, criterion) == uids, criterion


def test_mod_sequences(store: Store, edupont: int, five: int) -> None:
    modseq, _, _ = store.write_now(messages.store_flags, edupont, five, [2], "+", ["\\Seen"])
    assert find(store, edupont, five, ModSeq(modseq)) == [2]
    assert find(store, edupont, five, ModSeq(1)) == [1, 2, 3, 4, 5]


def test_other_accounts_are_out_of_reach(store: Store, edupont: int, mmartin: int, five: int) -> None:
    with pytest.raises(Refused):
        find(store, mmartin, five, All())
    index_everything(store)
    own = store.read_now(mailboxes.listing, mmartin)
    found = store.read_now(search.among, mmartin, own, Text("number"), store.data / "blobs")
    assert own
    assert not any(found.values())


def test_several_mailboxes_at_once(store: Store, edupont: int, five: int) -> None:
    archive = store.read_now(mailboxes.get, edupont, "Archive").id
    store.write_now(messages.move, edupont, five, archive, [2, 3])
    boxes, blobs = store.read_now(mailboxes.listing, edupont), store.data / "blobs"
    found = store.read_now(search.among, edupont, boxes, Text("number"), blobs)
    assert {box: uids for box, uids in found.items() if uids} == {five: [1, 4, 5], archive: [1, 2]}
    answered = store.read_now(search.among, edupont, boxes, Flag("\\Answered"), blobs)
    assert {box: uids for box, uids in answered.items() if uids} == {archive: [2]}


# ---------------------------------------------------------------------- the index


def fill(store: Store, account_id: int, count: int, first: int = 0, box: int | None = None) -> int:
    box = inbox(store, account_id) if box is None else box
    for number in range(first, first + count):
        put(store, account_id, box, plain(number, body=f"mot{number} commun"))
    return box


def test_moved_expunged_and_copied_after_indexing(store: Store, edupont: int, small_segments: None) -> None:
    box = fill(store, edupont, 100)
    index_everything(store)
    archive = store.read_now(mailboxes.get, edupont, "Archive").id
    store.write_now(messages.move, edupont, box, archive, [11, 12])
    store.write_now(messages.erase, edupont, box, [13])
    assert find(store, edupont, box, Body("mot10")) == []
    assert find(store, edupont, archive, Body("mot1")) == [1, 2]
    assert find(store, edupont, box, Body("mot12")) == []
    assert len(find(store, edupont, box, Body("commun"))) == 97
    copied = store.write_now(messages.copy, edupont, box, archive, [20])
    assert find(store, edupont, archive, Body("mot19")) == copied.target_uids


def test_segments_are_merged_and_forget_what_is_gone(store: Store, edupont: int, small_segments: None) -> None:
    box = fill(store, edupont, 64)
    index_everything(store)
    assert len(segment_sizes(store, edupont)) <= 3
    store.write_now(messages.erase, edupont, box, list(range(1, 61)))
    fill(store, edupont, 64, first=100)
    index_everything(store)
    assert sum(segment_sizes(store, edupont)) <= 64 + 4 + 16
    assert max(segment_sizes(store, edupont)) <= 64
    assert find(store, edupont, box, Body("mot163")) == [128]


def spoil(store: Store, column: Column[bytes], row: int) -> None:
    """Another octet in the middle of a frame."""
    table = column.table
    key = next(iter(table.primary_key))
    frame = bytearray(store.read_now(lambda tx: tx.execute(select(column).where(key == row)).scalar_one()))
    frame[len(frame) // 2] ^= 1
    store.write_now(lambda tx: tx.execute(update(table).where(key == row).values({column: bytes(frame)})))


def test_a_damaged_text_keeps_nobody_waiting(store: Store, edupont: int, mmartin: int) -> None:
    """It is made again; the account with most texts comes first, and all others after it."""
    box = fill(store, edupont, segments.SEGMENT_MINIMUM + 10)
    others = fill(store, mmartin, segments.SEGMENT_MINIMUM, first=500)
    steps = Indexer(store=store, clock=SystemClock(), changes=store.changes)
    assert asyncio.run(steps.step())
    first = store.read_now(lambda tx: tx.execute(select(func.min(content.c.id))).scalar_one())
    spoil(store, search_text.c.body, first)
    index_everything(store)
    assert segment_sizes(store, edupont) == [segments.SEGMENT_MINIMUM + 10]
    assert segment_sizes(store, mmartin) == [segments.SEGMENT_MINIMUM]
    assert find(store, edupont, box, Body("mot0")) == [1]
    assert find(store, mmartin, others, Body("mot500")) == [1]


@pytest.mark.parametrize("name", ["body_words", "body_postings"])
def test_a_damaged_segment_is_passed_over_and_made_again(store: Store, edupont: int, name: str) -> None:
    box = fill(store, edupont, segments.SEGMENT_MINIMUM)
    index_everything(store)
    only = store.read_now(lambda tx: tx.execute(select(search_segment.c.id)).scalar_one())
    spoil(store, search_segment.c[name], only)
    assert find(store, edupont, box, Body("mot63")) == [64]
    assert len(find(store, edupont, box, Body("commun"))) == segments.SEGMENT_MINIMUM
    assert [flaw.key for flaw in store.read_now(integrity.index)] == [-edupont]
    fill(store, edupont, segments.SEGMENT_MINIMUM, first=500)
    index_everything(store)
    assert segment_sizes(store, edupont) == [2 * segments.SEGMENT_MINIMUM]
    assert store.read_now(integrity.index) == []


def test_words_that_nobody_else_has_make_small_segments(
    store: Store, edupont: int, small_segments: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are: what a segment is made of takes fifty times the room meanwhile."""
    monkeypatch.setattr(segments, "SEGMENT_OCTETS", 3000)
    monkeypatch.setattr(segments, "TEXTS_READ", 5)
    box, rng = inbox(store, edupont), random.Random(3)
    bodies = [" ".join(rng.randbytes(8).hex() for _ in range(60)) for _ in range(40)]
    for body in bodies:
        put(store, edupont, box, b"Subject: hex\r\n\r\n" + body.encode() + b"\r\n")
    index_everything(store)
    columns = select(search_segment.c.size, search_segment.c.header_words, search_segment.c.body_words)
    rows = [tuple(row) for row in store.read_now(lambda tx: tx.execute(columns).all())]
    assert sum(row[0] for row in rows) > 30, "nearly all of them are in a segment"
    assert all(len(row[1]) + len(row[2]) <= 3500 for row in rows)
    for uid, body in enumerate(bodies, 1):
        assert find(store, edupont, box, Body(body.split()[30])) == [uid]


def test_few_messages_need_no_segment(store: Store, edupont: int) -> None:
    box = fill(store, edupont, 10)
    index_everything(store)
    assert segment_sizes(store, edupont) == []
    assert store.read_now(lambda tx: tx.execute(select(func.count()).select_from(search_text)).scalar_one()) == 10
    assert find(store, edupont, box, Body("mot7")) == [8]


def test_a_content_of_two_accounts_has_one_text(store: Store, edupont: int, mmartin: int) -> None:
    fill(store, edupont, 5)
    box = fill(store, mmartin, 5)
    index_everything(store)
    assert store.read_now(lambda tx: tx.execute(select(func.count()).select_from(search_text)).scalar_one()) == 5
    assert find(store, mmartin, box, Body("mot3")) == [4]


def test_texts_go_with_their_content(store: Store, edupont: int) -> None:
    box = fill(store, edupont, 3)
    index_everything(store)
    store.write_now(lambda tx: messages.erase(tx, edupont, box, [1, 2], kept=False))
    store.write_now(collect.collect, int(SystemClock().now()) + 1)
    left = store.read_now(lambda tx: {row[0] for row in tx.execute(select(search_text.c.content_id))})
    assert left == store.read_now(lambda tx: {row[0] for row in tx.execute(select(content.c.id))})
    assert len(left) == 1


def test_content_removed_while_its_text_was_made(store: Store, edupont: int) -> None:
    box = fill(store, edupont, 2)
    sources = store.read_now(content_texts.pending, 10)
    assert store.read_now(content_texts.backlog, 10) == len(sources) > store.read_now(content_texts.backlog, 1) == 1
    texts = [content_texts.pack(content_texts.extract(store.data / "blobs", source)) for source in sources]
    store.write_now(lambda tx: messages.erase(tx, edupont, box, [1], kept=False))
    store.write_now(collect.collect, int(SystemClock().now()) + 1)
    assert store.write_now(content_texts.save_texts, store.worker, texts)
    assert store.write_now(content_texts.save_texts, store.worker, texts)  # and twice changes nothing
    assert store.read_now(lambda tx: tx.execute(select(func.count()).select_from(search_text)).scalar_one()) == 1


def test_deleting_the_index_changes_no_answer(store: Store, edupont: int, small_segments: None) -> None:
    box = fill(store, edupont, 70)
    index_everything(store)

    def drop(tx: Tx) -> None:
        for table in (search_text, search_segment, search_account):
            tx.execute(delete(table))

    store.write_now(drop)
    assert find(store, edupont, box, Text("mot42")) == [43]


def test_large_messages_in_files(store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "INLINE_OCTETS", 10)
    box = fill(store, edupont, 3)
    assert find(store, edupont, box, Body("mot2")) == [3]
    index_everything(store)
    assert find(store, edupont, box, Body("mot2")) == [3]


def test_texts_with_too_many_words_are_always_looked_at(
    store: Store, edupont: int, small_segments: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile message must not swell its account's vocabulary, nor hide from a search."""
    monkeypatch.setattr(vocabulary, "MAX_WORDS", 50)
    box = fill(store, edupont, 70)
    many = put(store, edupont, box, plain(900, body=" ".join(f"w{number}" for number in range(60))))
    long = put(store, edupont, box, plain(901, body="y" * 300 + "end"))
    fill(store, edupont, 10, first=100)
    index_everything(store)
    assert sum(segment_sizes(store, edupont)) > 72
    assert find(store, edupont, box, Body("w59")) == [many.uid]
    assert find(store, edupont, box, Body("yend")) == [long.uid]
    assert find(store, edupont, box, Text("number 900")) == [many.uid]
    assert len(find(store, edupont, box, Not(Body("commun")))) == 2


def test_a_mailing_moves_a_bounded_number_of_counters(
    store: Store, edupont: int, mmartin: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_texts, "COUNTED_ACCOUNTS", 1)
    fill(store, edupont, 1)
    fill(store, mmartin, 1)
    index_everything(store)
    assert store.read_now(lambda tx: tx.execute(select(func.count()).select_from(search_account)).scalar_one()) == 1


# ---------------------------------------------------------------------- the lease and the loop


def test_one_worker_indexes_at_a_time(store: Store, edupont: int) -> None:
    fill(store, edupont, 3)
    assert store.write_now(indexing_lease.take_lease, 1)
    assert store.write_now(indexing_lease.take_lease, 1)
    assert not store.write_now(indexing_lease.take_lease, 2)
    assert index_everything(store) == 0
    assert store.read_now(indexing_lease.is_elsewhere, store.worker)
    assert not store.read_now(indexing_lease.is_elsewhere, 1)
    store.write_now(indexing_lease.release_lease, 2)
    assert not store.write_now(indexing_lease.take_lease, 2)
    store.write_now(indexing_lease.release_lease, 1)
    assert index_everything(store) == 1


def test_a_dead_worker_loses_the_lease(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing_lease, "LEASE_SECONDS", -1)
    assert store.write_now(indexing_lease.take_lease, 1)
    assert store.write_now(indexing_lease.take_lease, 2)


class Generation:
    """What the store says of commits."""

    value = 0


@pytest.fixture
async def running(store: Store) -> AsyncIterator[Generation]:
    """The loop, running over a store whose generation the test moves."""
    generation = Generation()
    store.changes.attach(asyncio.get_running_loop(), lambda: generation.value)
    task = asyncio.create_task(Indexer(store=store, clock=SystemClock(), changes=store.changes).run())
    yield generation
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def is_indexed(store: Store, seconds: float) -> bool:
    """Whether nothing is left to index before that time has passed."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while await store.read(content_texts.pending, 10):
                await asyncio.sleep(0.05)
            return True
    return False


async def test_loop_goes_on_until_nothing_is_left(
    store: Store, edupont: int, running: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_texts, "BATCH", 1)
    monkeypatch.setattr(index_worker, "PERIOD", 1.0)
    await asyncio.to_thread(fill, store, edupont, 30)
    running.value += 1
    assert await is_indexed(store, 60)


async def test_mail_that_keeps_coming_in_does_not_keep_segments_back(
    store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_worker, "GATHERING", 3600.0)
    steps = Indexer(store=store, clock=SystemClock(), changes=store.changes)
    await asyncio.to_thread(fill, store, edupont, segments.SEGMENT_MINIMUM)
    assert await steps.step()
    await asyncio.to_thread(fill, store, edupont, 1, 1000)
    assert await steps.step()
    assert await asyncio.to_thread(segment_sizes, store, edupont) == [segments.SEGMENT_MINIMUM]


async def test_a_message_that_cannot_be_read_now_keeps_no_other_out_of_the_index(
    store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is there, and the service may not open it; and one of which nobody foresaw what is wrong with it."""
    monkeypatch.setattr(content_texts, "BATCH", 2)
    extract, asked = content_texts.extract, itertools.count()

    def extract_all_but_one(folder: BlobFolder, source: Row) -> content_texts.Texts:
        if next(asked) == 1:
            raise RecursionError
        return extract(folder, source)

    monkeypatch.setattr(content_texts, "extract", extract_all_but_one)
    with monkeypatch.context() as large:
        large.setattr(blobs, "INLINE_OCTETS", 10)
        box = await asyncio.to_thread(fill, store, edupont, 1)
    (name,) = files_of(store.blobs).names()
    path = store.data / "blobs" / name
    path.rename(path.with_name("aside"))
    path.mkdir()
    await asyncio.to_thread(fill, store, edupont, 3, 1)
    steps = Indexer(store=store, clock=SystemClock(), changes=store.changes)
    while await steps.step():
        pass
    assert len(await store.read(content_texts.pending, 9)) == 2, "of both nothing is written down"
    path.rmdir()
    path.with_name("aside").rename(path)
    monkeypatch.setattr(index_worker, "LATER_SECONDS", 0.0)
    steps = Indexer(store=store, clock=SystemClock(), changes=store.changes)
    while await steps.step():
        pass
    assert await store.read(content_texts.pending, 9) == []
    assert await asyncio.to_thread(find, store, edupont, box, Body("mot0")) == [1]


async def test_the_thread_of_texts_alone_steps_back(store: Store, edupont: int) -> None:
    await asyncio.to_thread(fill, store, edupont, 1)
    steps = Indexer(store=store, clock=SystemClock(), changes=store.changes)
    assert await steps.step()
    running = {thread.name: os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) for thread in threading.enumerate()}
    here = os.getpriority(os.PRIO_PROCESS, 0)
    nice = {name for name, niceness in running.items() if niceness == min(here + index_worker.NICENESS, LAST)}
    assert nice == {"index_0"}


# ---------------------------------------------------------------------- vocabularies


texts = st.lists(st.text(alphabet="ab cé_-", max_size=8), min_size=1, max_size=6)


@settings(max_examples=300, deadline=None)
@given(texts, texts, st.text(alphabet="abcé_- ", max_size=4))
def test_vocabulary(first: list[str], second: list[str], needle: str) -> None:
    """A segment never misses a text that has the needle, and one fragment alone is exact; so after merging."""
    one = vocabulary.build([(number, "", text) for number, text in enumerate(first)])
    other = vocabulary.build([(100 + number, "", text) for number, text in enumerate(second)])
    both = vocabulary.merge([one, other], {*one.docs, *other.docs})
    for segment, contents in ((one, first), (both, first + second)):
        having = {number for number, text in enumerate(contents) if needle in text}
        words = blobs.expand(segment.body.vocabulary)
        ask = partial(vocabulary.places, segment.body.postings, words)
        found = vocabulary.Reader(words, len(segment.docs), 0, ask).find(vocabulary.fragments(needle))
        assert having <= found
        if vocabulary.is_exact(needle):
            assert having == found
    assert set(both.docs) == {*one.docs, *other.docs}


def test_headers_are_searched_without_bodies(
    store: Store, edupont: int, five: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_texts, "extract", None)
    monkeypatch.setattr(content_texts, "stored_texts", None)
    assert find(store, edupont, five, Header("Subject", "number 2")) == [2]


def test_remembered_rows_follow_the_mailbox(store: Store, edupont: int, five: int) -> None:
    assert find(store, edupont, five, Header("Subject", "number")) == [1, 2, 3, 4, 5]
    store.write_now(messages.erase, edupont, five, [2])
    assert find(store, edupont, five, Header("Subject", "number")) == [1, 3, 4, 5]
    put(store, edupont, five, plain(6))
    assert find(store, edupont, five, Header("Subject", "number")) == [1, 3, 4, 5, 6]


def test_memory_is_bounded() -> None:
    memory = Memory(limit=100 + 3 * ENTRY)
    for number in range(20):
        memory.put(number, str(number), 30)
        assert memory.get(0) == "0"
    assert [number for number in range(20) if memory.get(number)] == [0, 18, 19]
    memory.put("large", "x", 51 + 2 * ENTRY)
    assert memory.get("large") is None
    memory.put(0, "again", 10)
    assert (memory.get(0), memory.octets) == ("again", 70 + 3 * ENTRY)


def test_values_that_take_nothing_are_bounded() -> None:
    """A key takes room, too, and what it names a client may choose."""
    memory = Memory(limit=10 * ENTRY)
    for number in range(100):
        memory.put(f"key {number}", b"", 0)
    assert [number for number in range(100) if memory.get(f"key {number}") is not None] == list(range(90, 100))


def test_a_search_has_so_much_time(store: Store, edupont: int, five: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand keys over a large mailbox would keep a thread for minutes."""
    monkeypatch.setattr(search, "SEARCH_SECONDS", -1.0)
    sent = Sent(Relation.ON, date(2023, 11, 14))
    for criterion in (Larger(1), Header("Subject", "number"), Body("zz"), Or((Text("a"), Not(sent)))):
        with pytest.raises(Refused) as refusal:
            find(store, edupont, five, criterion)
        assert refusal.value.reason is Reason.LIMIT


def test_a_field_with_an_endless_name_is_in_no_message(store: Store, edupont: int, five: int) -> None:
    """Its name would become an expression that is remembered."""
    assert find(store, edupont, five, Header("x" * 60_000, "")) == []


def test_the_date_field_is_read_once(store: Store, edupont: int, five: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of SENTON cost no more than one: each of them took seconds of its own."""
    read: list[bytes] = []
    written = row_tests._written

    def count(envelope: bytes) -> dates.Moment | None:
        read.append(envelope)
        return written(envelope)

    monkeypatch.setattr(row_tests, "_written", count)
    days = [date(2023, 11, 1 + number % 28) for number in range(400)]
    assert find(store, edupont, five, Or(tuple(Sent(Relation.ON, day) for day in days))) == [1, 2, 3, 5]
    assert len(read) == 2


def test_time_depends_on_the_account_only(store: Store, edupont: int, mmartin: int, small_segments: None) -> None:
    """Another account's segments are not even read."""
    fill(store, mmartin, 70)
    box = fill(store, edupont, 1, first=500)
    index_everything(store)
    assert segment_sizes(store, mmartin)
    assert segment_sizes(store, edupont) == []
    assert find(store, edupont, box, Body("commun")) == [1]
