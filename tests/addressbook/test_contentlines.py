"""vCards line by line: what nobody changes comes out as it came in, and no text breaks a card."""

import asyncio
import base64
import io
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mailserver.addressbook import alike, books, contentlines, importing, pictures, rewriting, tables
from mailserver.addressbook import card as reading
from mailserver.addressbook.books import AddressBooks, measured
from mailserver.addressbook.card import Card, Place, Value
from mailserver.calendars.icalendar import reading as calendars
from mailserver.model.errors import Refused
from mailserver.model.identity import State
from mailserver.store.account import accounts
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.engine.transactions import Store, Tx

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80)
LINES = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def parsed(text: str) -> list[contentlines.Line]:
    (found,) = contentlines.cards(text)
    return found


@settings(max_examples=25, deadline=None)
@given(LINES)
def test_any_text_survives_a_line(text: str) -> None:
    kept = contentlines.unescape(contentlines.escape(text))
    again = parsed(contentlines.write([contentlines.Line("", "NOTE", (), contentlines.escape(text))]))
    assert again[0].text == kept
    assert max(len(line.encode()) for line in contentlines.fold(f"NOTE:{kept}").split("\r\n")) <= 76


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=5))
def test_parts_are_what_was_joined(texts: list[str]) -> None:
    for separator in ";,":
        assert contentlines.parts(contentlines.joined(texts, separator), separator) == [text.strip() for text in texts]


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=400))
def test_any_file_is_read(text: str) -> None:
    for lines in contentlines.cards(f"BEGIN:VCARD\n{text}\nEND:VCARD\n"):
        reading.read(lines)
        reading.photo(lines)
        alike.merged((lines, lines), 0)


@settings(max_examples=25, deadline=None)
@given(TEXT, TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3).map("\n".join))
def test_what_is_written_is_read_again(given_name: str, family: str, organisation: str, street: str, note: str) -> None:
    def line(text: str) -> str:
        return " ".join(text.split())

    card = Card(
        full_name=line(f"{given_name} x"),
        given=line(f"x{given_name}"),
        family=line(family),
        organisation=line(organisation),
        emails=(Value("a@b.fr", "work"), Value("c@d.fr")),
        phones=(Value("06 39", "cell"),),
        places=(Place(f"{line(street)}x", "Dijon", "21000", kind="home"),),
        birthday="--03-17",
        note="\n".join(map(line, note.split("\n"))).strip(),
        categories=("Un", "Deux; trois"),
        uid="1",
    )
    lines = parsed(contentlines.write(rewriting.rewrite((), card, 0)))
    assert reading.read(lines) == card
    assert rewriting.rewrite(lines, card, 0) == lines
    measured("1.vcf", lines)


def test_lines_that_nobody_changes_stay() -> None:
    text = (
        'BEGIN:VCARD\r\nVERSION:4.0\r\nUID:u\r\nFN;LANGUAGE=fr:Léa Roy\r\nN;SORT-AS="Roy,Lea":Roy;Léa;;;\r\n'
        'item1.EMAIL;PREF=1;TYPE=work:lea@exemple.org\r\nitem1.X-ABLabel:Bureau\r\nTEL;VALUE=uri;TYPE="voice,cell":tel:+33-6\r\n'
        'X-UNKNOWN;A="b;c":d\\,e;f\r\nRELATED;TYPE=friend:urn:uuid:2\r\nEND:VCARD\r\n'
    )
    lines = parsed(text)
    card = reading.read(lines)
    assert card.phones == (Value("+33-6", "cell"),)
    after = rewriting.rewrite(lines, Card(**{**{n: getattr(card, n) for n in Card.__slots__}, "title": "Cheffe"}), 0)
    for line in lines:
        assert line in after


@pytest.mark.parametrize(
    ("version", "day", "written"),
    [
        ("4.0", "1984-03-17", "19840317"),
        ("4.0", "--03-17", "--0317"),
        ("3.0", "1984-03-17", "1984-03-17"),
        ("3.0", "--03-17", "--03-17"),
    ],
)
def test_a_birthday_is_written_as_the_version_of_the_card_has_it(version: str, day: str, written: str) -> None:
    """RFC 6350 section 4.3.1 knows dates without dashes between year, month and day alone."""
    lines = parsed(f"BEGIN:VCARD\r\nVERSION:{version}\r\nUID:u\r\nFN:L\u00e9a\r\nN:L\u00e9a;;;;\r\nEND:VCARD\r\n")
    after = rewriting.rewrite(lines, Card(full_name="L\u00e9a", uid="u", birthday=day), 0)
    assert [line.value for line in after if line.name == "BDAY"] == [written]
    assert reading.read(after).birthday == day


def test_a_card_that_radicale_cannot_read_is_refused() -> None:
    with pytest.raises(Refused):
        measured("x.vcf", [contentlines.Line("", "VERSION", (), "3.0")])


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=600))
def test_no_file_does_harm(octets: bytes) -> None:
    for body in (octets, b"Nom;E-mail\n" + octets, b"BEGIN:VCARD\n" + octets + b"\nEND:VCARD"):
        try:
            judged = importing.judge(importing.read(body), [])
        except ValueError:
            continue
        importing.unpack(importing.pack(judged))


def test_a_bomb_is_not_blown_up() -> None:
    octets = zlib.compress(b"BEGIN:VCARD\r\nNOTE:" + b"x" * 20_000_000 + b"\r\nEND:VCARD\r\n")
    assert importing.unpack(base64.urlsafe_b64encode(octets).decode()) == []


def test_our_own_table_is_read_again() -> None:
    card = Card(
        full_name="Awa Diallo",
        given="Awa",
        family="Diallo",
        emails=(Value("a@b.fr"), Value("c@d.fr")),
        phones=(Value("+33 1", "work"), Value("06", "cell")),
        places=(Place("1, rue A", "Dijon", "21000", "France", kind="work"),),
        birthday="1984-03-17",
        categories=("Parents", "Chorale"),
        note="=à rappeler",
    )
    (row,) = tables.read(tables.decode(tables.write([card])))
    assert row.card == card


def test_a_line_in_a_million_pieces_is_read_at_once() -> None:
    """Each piece of a folded or quoted-printable line used to copy all before it: minutes for a file of this size."""
    pieces = 1_000_000
    (soft,) = parsed("BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:" + "a=\n" * pieces + "b\nEND:VCARD\n")
    assert soft.text == "a" * pieces + "b"
    (folded,) = parsed("BEGIN:VCARD\nNOTE:" + "\n a" * pieces + "\nEND:VCARD\n")
    assert folded.text == "a" * pieces


def test_a_line_of_endless_parameters_is_none() -> None:
    most = contentlines.MAX_PARAMS
    lines = parsed(f"BEGIN:VCARD\nTEL{';CELL' * (most + 1)}:1\nTEL{';CELL' * most}:2\nEND:VCARD\n")
    assert [line.text for line in lines] == ["2"]


def test_a_photo_of_endless_scans_is_not_drawn() -> None:
    """Each scan of a progressive JPEG goes over every pixel: six megabytes of them keep a processor for minutes."""
    out = io.BytesIO()
    Image.new("RGB", (400, 400), "white").save(out, "JPEG", progressive=True)
    octets = out.getvalue()
    assert pictures.small(octets)
    scan = octets[octets.rfind(b"\xff\xda") : -2]
    with pytest.raises(ValueError, match="scans"):
        pictures.small(octets[:-2] + scan * 100 + octets[-2:])


def test_a_picture_of_endless_pixels_is_not_drawn() -> None:
    out = io.BytesIO()
    Image.new("1", (7000, 7000)).save(out, "PNG")
    assert len(out.getvalue()) < 20_000
    with pytest.raises(ValueError, match="picture"):
        pictures.small(out.getvalue())


@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
def test_what_is_remembered_of_books_is_bounded_by_what_it_takes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card may have a megabyte of members: so many cards says nothing."""
    monkeypatch.setattr(books, "KEPT_OCTETS", 120_000)
    kept = AddressBooks(store)

    def account(tx: Tx, login: str) -> int:
        made: int = accounts.create(tx, login, State.ACTIVE)
        agendas.provision(tx, made)
        return made

    for number in range(6):
        owner = store.write_now(account, f"prof{number}")
        members = "".join(f"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:{one}\r\n" for one in range(400))
        card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u\r\nFN:Groupe\r\nN:;;;;\r\n{members}END:VCARD\r\n"
        (lines,) = contentlines.cards(card)
        asyncio.run(kept.put(owner, "contacts", "u.vcf", lines))
        assert [one.card.full_name for one in store.read_now(kept.entries_of, owner)] == ["Groupe"]
        assert 0 < kept._kept.octets <= 120_000


@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
def test_many_short_words_of_a_card_are_reckoned(store: Store) -> None:
    """They take ten times what their text does."""
    words = "\r\n".join(f"EMAIL:{one}@a.fr\r\nTEL:0{one}" for one in range(20))
    categories = ",".join(f"k{one}" for one in range(50))

    def account(tx: Tx) -> int:
        made: int = accounts.create(tx, "prof", State.ACTIVE)
        agendas.provision(tx, made)
        book = next(one for one in agendas.listing(tx, made) if one.tag == agendas.ADDRESS_BOOK)
        for number in range(100):
            card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u{number}\r\nFN:P\r\n{words}\r\nCATEGORIES:{categories}\r\n"
            new = calendars.read(f"{number}.vcf", f"{card}END:VCARD\r\n")
            agenda_items.put(tx, made, book.id, new)
        return made

    owner = store.write_now(account)
    kept = AddressBooks(store)
    tracemalloc.start()
    assert len(store.read_now(kept.entries_of, owner)) == 100
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken / 2 < kept._kept.octets < taken * 2
