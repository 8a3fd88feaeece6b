"""What people bring along: every kind of file, what is refused and why, what was exported comes back."""

import asyncio
import io
import struct
import tracemalloc
import zipfile
from datetime import UTC
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.accounts.data_export import folder, mbox, message_import
from mailserver.accounts.data_export.message_import import Report, Why
from mailserver.foundation.settings import Limits
from mailserver.mime.writing import binary
from mailserver.model.identity import Principal
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.flags import ANSWERED, FIRST_KEYWORD_BIT, FLAGGED, SEEN
from mailserver.store.mail.messages import NO_QUOTA, Quota
from tests.background.conftest import House

LIMIT = 100_000
LIMITS = Limits(message_size=LIMIT)
MAIL = b"From: a@exemple.org\r\nSubject: %d\r\nDate: Tue, 24 Nov 2026 10:20:00 +0100\r\n\r\nBonjour\r\nFrom ici\r\n"


async def bring(house: House, person: Principal, name: str, octets: bytes, quota: Quota = NO_QUOTA) -> Report:
    await house.store.write(mailboxes.provision, person.account_id)
    box = house.store.read_now(mailboxes.get, person.account_id, "INBOX")
    files: list[tuple[str, IO[bytes]]] = [(name, io.BytesIO(octets))]
    return await asyncio.to_thread(message_import.bring, house.store, person.account_id, box.id, files, LIMITS, quota)


def zipped(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, octets in members.items():
            file.writestr(name.replace("__", "/").replace("_", "."), octets)
    return made.getvalue()


def rows(house: House, person: Principal, name: str = "INBOX") -> list[tuple[int, str, int, int]]:
    box = house.store.read_now(mailboxes.get, person.account_id, name)
    return house.store.read_now(messages.fetch, person.account_id, box.id, ("uid", "subject", "flags", "internal_date"))


async def test_one_message_and_again(house: House) -> None:
    person = await house.person()
    report = await bring(house, person, "Lettre.EML", MAIL.replace(b"\r\n", b"\n") % 1)
    assert (report.imported, report.refused) == (1, 0)
    again = await bring(house, person, "lettre.eml", MAIL % 1)
    assert (again.imported, again.duplicates) == (0, 1)
    ((uid, subject, _, received),) = rows(house, person)
    assert (subject, received) == ("1", 1795512000)
    box = house.store.read_now(mailboxes.get, person.account_id, "INBOX")
    stored = house.store.read_now(messages.octets, person.account_id, box.id, uid, house.store.blobs)
    assert stored == MAIL % 1


async def test_nul_is_written_otherwise_where_that_loses_nothing_and_kept_elsewhere(house: House) -> None:
    person = await house.person()
    part, head = MAIL % 1 + b"\0\r\n", (MAIL % 2).replace(b"Subject:", b"Subject: \0")
    assert (await bring(house, person, "un.eml", part)).imported == 1
    assert (await bring(house, person, "deux.eml", head)).imported == 1
    assert (await bring(house, person, "encore.eml", part)).duplicates == 1
    box = house.store.read_now(mailboxes.get, person.account_id, "INBOX")
    kept = [
        house.store.read_now(messages.octets, person.account_id, box.id, uid, house.store.blobs)
        for uid, _, _, _ in rows(house, person)
    ]
    assert kept == [binary.textual(part), head]


async def test_a_folder_that_was_exported_comes_back_as_it_was(house: House) -> None:
    person = await house.person()
    for number in range(3):
        await house.deliver(person.address, MAIL % number)
    inbox = house.store.read_now(mailboxes.get, person.account_id, "INBOX")
    house.store.write_now(
        messages.store_flags, person.account_id, inbox.id, [1], "+", ("\\Seen", "\\Flagged", "$Rouge")
    )
    await asyncio.to_thread(house.store.write_now, mailboxes.create, person.account_id, "INBOX/Sous")
    octets = b"".join(folder.stream(house.store, person.account_id, inbox, UTC))
    with zipfile.ZipFile(io.BytesIO(octets)) as file:
        assert file.namelist() == ["INBOX.mbox", "INBOX/Sous.mbox"]
    before = [
        house.store.read_now(messages.octets, person.account_id, inbox.id, uid, house.store.blobs) for uid in (1, 2, 3)
    ]
    was = [row[1:] for row in rows(house, person)]
    house.store.write_now(messages.erase, person.account_id, inbox.id, [1, 2, 3])
    report = await bring(house, person, "INBOX.mbox.zip", octets)
    assert (report.imported, report.duplicates) == (3, 0)
    assert [row[1:] for row in rows(house, person)] == was
    after = [
        house.store.read_now(messages.octets, person.account_id, inbox.id, row[0], house.store.blobs)
        for row in rows(house, person)
    ]
    assert after == before


async def test_a_file_of_thunderbird_comes_as_thunderbird_showed_it(house: House) -> None:
    """What was deleted there is in the file until it is compacted; all of it had come, and none of it read."""
    person = await house.person()
    first = b"From - Tue Nov 24 10:20:00 2026\nX-Mozilla-Status: %s\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: \n"
    file = b"".join(
        first % status
        + b"X-Mozilla-Status: 0008\n" * (number == 3)
        + (MAIL % number).replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ")
        + b"\n"
        for number, status in enumerate((b"0001", b"0009", b"1007", b"0000"))
    )
    assert (await bring(house, person, "Dossier.mbox", file)).imported == 3
    found = {row[1]: row[2] for row in rows(house, person)}
    forwarded = 1 << FIRST_KEYWORD_BIT
    assert found == {"0": SEEN, "2": SEEN | ANSWERED | FLAGGED | forwarded, "3": 0}
    again = await bring(house, person, "Dossier.mbox", file.replace(b"Status: 0000", b"Status: 0001"))
    assert (again.imported, again.duplicates) == (0, 3), "what its program wrote in it is no part of a message"
    box = house.store.read_now(mailboxes.get, person.account_id, "INBOX")
    assert house.store.read_now(messages.octets, person.account_id, box.id, 1, house.store.blobs) == MAIL % 0


async def test_what_is_refused_is_told_with_its_place(house: House) -> None:
    person = await house.person()
    entry = mbox.entry(MAIL % 1, 0, 0, ())
    box = entry + b"From x Tue Nov 24 10:20:00 2026\n\nRien\n\n" + mbox.entry(MAIL % 2 + b"x" * LIMIT, 0, 0, ()) + entry
    cases: list[tuple[str, bytes, int, list[tuple[str, Why]]]] = [
        ("a.mbox", box, 1, [("a.mbox, 2", Why.NO_MESSAGE), ("a.mbox, 3", Why.TOO_BIG)]),
        ("photo.jpg", b"\xff\xd8\xff", 0, [("photo.jpg", Why.UNKNOWN_KIND)]),
        ("vide.mbox", b"", 0, [("vide.mbox", Why.NO_MESSAGE)]),
        ("faux.zip", b"PK\x03\x04rien", 0, [("faux.zip", Why.DAMAGED)]),
        ("gros.eml", b"A: b\r\n\r\n" + b"x" * LIMIT, 0, [("gros.eml", Why.TOO_BIG)]),
        ("texte.eml", b"Bonjour\r\n\r\nA: b\r\n", 0, [("texte.eml", Why.NO_MESSAGE)]),
        (
            "lot.zip",
            zipped(dedans_zip=zipped(a_eml=MAIL % 3), dir__b_eml=MAIL % 4, Sans=entry),
            1,
            [("lot.zip: dedans.zip", Why.UNKNOWN_KIND)],
        ),
    ]
    for name, octets, imported, told in cases:
        report = await bring(house, person, name, octets)
        assert (report.imported, report.told) == (imported, told), name


async def test_a_zip_file_grows_within_a_ratio(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """1.9 MB of ten members of 190 MB each took seven seconds: what cannot be mail is known before it is unpacked."""

    def unpacked(*_args: object) -> IO[bytes]:
        raise AssertionError("a member was opened")

    person = await house.person()
    many = {f"{name}_mbox": b"From x\n" + b"\n" * 3_000_000 for name in "abcdefghij"}
    bomb = zipped(**many)
    mail = zipped(**{f"{number}_eml": MAIL % number + b"Bonjour. " * 2000 for number in range(40)})
    assert (await bring(house, person, "courrier.zip", mail)).imported == 40
    monkeypatch.setattr(zipfile.ZipFile, "open", unpacked)
    report = await bring(house, person, "bombe.zip", bomb)
    assert report.told == [("bombe.zip", Why.TOO_BIG)]


async def test_a_zip_bomb_is_not_unpacked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await house.person()
    monkeypatch.setattr(message_import, "MAX_UNPACKED", 1000)
    report = await bring(house, person, "bombe.zip", zipped(a_mbox=b"x" * 100_000))
    assert report.told == [("bombe.zip", Why.TOO_BIG)]
    lying = zipped(a_eml=MAIL % 1 + b"y" * 50_000).replace(
        (50_000 + len(MAIL % 1)).to_bytes(4, "little"), b"\x20\0\0\0"
    )
    report = await bring(house, person, "ment.zip", lying)
    assert report.imported + report.refused >= 1
    assert all(len(str(row[1])) < 100 for row in rows(house, person))


async def test_an_endless_list_of_members_is_not_read(house: House) -> None:
    """46 octets each, with which a file of what may be posted names five million members of nothing."""
    person = await house.person()
    member = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, *[0] * 8, 1, *[0] * 6) + b"a"
    names = member * (message_import.MAX_DIRECTORY // len(member) + 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, len(names), 0, 0)
    report = await bring(house, person, "liste.zip", names + end)
    assert report.told == [("liste.zip", Why.DAMAGED)]


async def test_a_full_mailbox_takes_what_fits(house: House) -> None:
    person = await house.person()
    three = b"".join(mbox.entry(MAIL % number, 0, 0, ()) for number in range(3))
    report = await bring(house, person, "a.mbox", three, Quota(2 * len(MAIL % 1) + 10))
    assert (report.imported, report.told) == (2, [("a.mbox, 3", Why.FULL)])


@given(st.binary(max_size=400))
def test_any_file_is_read(octets: bytes) -> None:
    found = list(mbox.entries(io.BytesIO(b"From x\n" + octets), 200))
    assert sum(len(one.octets) for one in found) <= 2 * len(octets) + 2 * len(found)


@given(st.lists(st.binary(max_size=60), max_size=4), st.integers(0, 2**31))
def test_entries_undo_what_entry_did(bodies: list[bytes], received: int) -> None:
    sent = [b"Subject: x\r\n\r\n" + body.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n" for body in bodies]
    file = b"".join(mbox.entry(octets, received, SEEN | 1 << FIRST_KEYWORD_BIT, ("$a",)) for octets in sent)
    found = list(mbox.entries(io.BytesIO(file), 1000))
    assert [one.octets for one in found] == sent
    assert all((one.received == received and one.flags == ("\\Seen", "$a")) or one.received == 0 for one in found)


async def test_messages_that_are_none_are_not_looked_at_for_ever(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two gigabytes of empty ones are hundreds of millions: most of an hour in a thread."""
    monkeypatch.setattr(message_import, "MAX_MESSAGES", 50)
    person = await house.person()
    report = await bring(house, person, "vide.mbox", b"From a\n\n" * 100_000)
    assert (report.imported, report.refused) == (0, 50)
    members = {f"a{number}_mbox": b"From a\n\n" * 40 for number in range(9)}
    report = await bring(house, person, "vide.zip", zipped(**members))
    assert (report.imported, report.refused) == (0, 50)


def test_a_message_of_short_lines_takes_no_more_than_its_size() -> None:
    """Each line was kept as an object of its own: twenty times the octets."""
    octets = b"From a\nSubject: a\n\n" + b"ab\n" * 300_000
    file = io.BytesIO(octets)
    tracemalloc.start()
    try:
        (found,) = mbox.entries(file, 2_000_000)
        assert tracemalloc.get_traced_memory()[1] < 6 * len(octets)
    finally:
        tracemalloc.stop()
    assert found.octets.startswith(b"Subject: a\r\n\r\nab\r\nab\r\n")


def test_a_field_of_endless_keywords_is_cut() -> None:
    octets = b"From a\nX-Keywords: " + b"a " * 200_000 + b"\nSubject: a\n\nb\n"
    (found,) = mbox.entries(io.BytesIO(octets), 2_000_000)
    assert len(found.flags) == mbox.MAX_KEYWORDS


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
async def test_members_that_choose_how_much_memory_they_take_are_refused(house: House, kind: int) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", kind) as file:
        file.writestr("a.eml", MAIL % 1)
        file.writestr("b.eml", MAIL % 2, zipfile.ZIP_DEFLATED)
    damaged = made.getvalue().replace(b"\x09\x04\x05\x00", b"\x09\x04\x05\x00\xff", 1)
    for octets in (made.getvalue(), damaged):
        report = await bring(house, await house.person(), "a.zip", octets)
        assert report.refused == 1
    assert report.told[0][1] in (Why.UNKNOWN_KIND, Why.DAMAGED)


async def test_a_header_beyond_the_bound_is_refused_and_the_others_are_kept(house: House) -> None:
    """The bound of every door: in a file of one message, and among others."""
    person = await house.person()
    many = b"X:\r\n" * (LIMITS.header_fields + 1) + MAIL % 1
    report = await bring(house, person, "un.eml", many)
    assert (report.imported, report.told) == (0, [("un.eml", Why.HEADER)])
    box = b"".join(b"From a Sat Nov 28 21:00:00 2026\n" + one + b"\n" for one in (MAIL % 1, many, MAIL % 2))
    report = await bring(house, person, "tout.mbox", box)
    assert (report.imported, report.told) == (2, [("tout.mbox, 2", Why.HEADER)])
