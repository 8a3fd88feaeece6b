"""Who reads slowly holds a piece of what is sent, not all of it; others are served meanwhile."""

import asyncio
import base64
import contextlib
import ctypes
import functools
import gc
import io
import os
import re
import socket
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from mailserver.addressbook import pictures
from mailserver.foundation import large_answers
from mailserver.previews import service
from mailserver.previews.faults import Fault
from mailserver.store.agenda import agenda_reach
from tests.waiting import PATIENCE, until
from tests.webui.house import PASSWORD, House, Visitor
from webui.http import turns
from webui.page import agenda_turn

SIZE = 8_000_000
READERS = 20


@pytest.fixture
def roomy(tmp_path: Path, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path / "house", sqlite_template, limits={"message_size": 16 * 1024 * 1024})
    for sock in made.sockets.values():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # which a connection inherits
    yield made
    made.close()


def large_message() -> bytes:
    lines = base64.encodebytes(os.urandom(SIZE)).replace(b"\n", b"\r\n")
    return (
        b"From: x@ailleurs.example\r\nTo: emma.dupont@ac-exemple.fr\r\nSubject: grand\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nVoici\r\n--b\r\n'
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="grand.bin"\r\n\r\n' + lines + b"\r\n--b--\r\n"
    )


def resident() -> int:
    """Octets of this process in memory; the server runs in it. What is free already is given back first: how much of it
    the allocator keeps depends on which threads met, not on what is held.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) * 1024


def slow_reader(house: House, visitor: Visitor, path: str, form: dict[str, str] | None = None) -> socket.socket:
    """A connection that has asked, or posted this form, and reads nothing yet."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sock.settimeout(PATIENCE)
    sock.connect(("127.0.0.1", house.ports["http"]))
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.items())
    head = f"{{}} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {cookies}\r\n"
    if form is None:
        sock.sendall(f"{head.format('GET')}\r\n".encode())
    else:
        body = urllib.parse.urlencode(form)
        kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(f"{head.format('POST')}{kind}{body}".encode())
    return sock


@pytest.mark.alone
@pytest.mark.parametrize("path", ["/s/piece/{id}/2", "/s/message/{id}/pieces.zip", "/s/message/{id}/eml"])
def test_slow_readers_of_a_large_file_hold_little(roomy: House, path: str) -> None:
    """Twenty of eight megabytes each took what they had asked for, and more, from the memory of the worker."""
    emma = roomy.person("Emma", "Dupont")
    content = roomy.deliver(emma, large_message())
    visitor = roomy.visitor()
    visitor.log_in(emma.login)
    target = path.format(id=content)
    assert visitor.http.get(target).status_code == 200
    before = resident()
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(slow_reader(roomy, visitor, target)) for _ in range(READERS)]
        heads = [sock.recv(1000) for sock in socks]
        assert all(head.startswith(b"HTTP/1.1 200") for head in heads)
        assert resident() - before < 100_000_000
        rest = len(heads[0].partition(b"\r\n\r\n")[2])
        announced = int(heads[0].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while piece := socks[0].recv(1 << 20):  # who reads on gets all of it
            rest += len(piece)
        assert rest == announced


def test_slow_readers_of_exports_give_way_to_who_waits(roomy: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of them kept a worker's two places for days."""
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.0)  # whoever is waited for at all, however fast the files are made
    monkeypatch.setattr(turns, "LEAST_RATE", 1 << 60)
    people = [roomy.person(name, "Dupont") for name in ("Emma", "Luc", "Zoé")]
    asked: list[tuple[Visitor, str, str]] = []
    for person in people:
        roomy.deliver(person, large_message())
        visitor, box = roomy.visitor(), roomy.box(person, "INBOX").id
        visitor.log_in(person.login)
        mark = re.search(r'name="m_"\s+value="([^"]+)"', visitor.get("/s/").text)
        assert mark
        asked.append((visitor, f"/s/dossier/{box}/exporter", mark[1]))
    waiting, path, mark_of = asked.pop()

    def fetched() -> httpx.Response:
        return waiting.http.post(path, data={"m_": mark_of})

    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(slow_reader(roomy, one, where, {"m_": mark})) for one, where, mark in asked]
        for sock in socks:
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
            for _ in range(20):  # slowly, and nobody minds
                assert sock.recv(1000)
        assert fetched().status_code == 503
        octets = 0
        with contextlib.suppress(ConnectionError):
            while piece := socks[0].recv(1 << 16):
                octets += len(piece)
        assert octets < SIZE / 2, "it was cut"
        monkeypatch.setattr(turns, "LEAST_RATE", 0)
        assert fetched().status_code == 200


def test_a_large_file_that_was_not_taken_gives_its_room_back(roomy: House, monkeypatch: pytest.MonkeyPatch) -> None:
    emma = roomy.person("Emma", "Dupont")
    content = roomy.deliver(emma, large_message())
    visitor = roomy.visitor()
    visitor.log_in(emma.login)
    monkeypatch.setattr(large_answers, "MAX_KEPT_EACH", int(1.5 * SIZE))
    with slow_reader(roomy, visitor, f"/s/piece/{content}/2") as sock:
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
        assert visitor.http.get(f"/s/piece/{content}/2").status_code == 503
    until(lambda: visitor.http.get(f"/s/piece/{content}/2").status_code == 200)


@pytest.mark.parametrize("path", ["message/{id}/apercu/3", "piece/{id}/3/voir"])
def test_an_office_file_that_takes_long_holds_no_turn(roomy: House, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """The large message that it is of is sent meanwhile, to the very same person."""
    emma = roomy.person("Emma", "Dupont")
    sheet = (
        b'--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="a.csv"\r\n\r\na;b\r\n\r\n--b--'
    )
    content = roomy.deliver(emma, large_message().replace(b"--b--", sheet))
    visitor = roomy.visitor()
    visitor.log_in(emma.login)
    begun, go_on = threading.Event(), threading.Event()
    really = service._converted

    async def slowly(said: tuple[str, ...], octets: bytes) -> service.Converted | Fault:
        begun.set()
        await asyncio.to_thread(go_on.wait, PATIENCE)
        return await really(said, octets)

    monkeypatch.setattr(service, "_converted", slowly)
    with slow_reader(roomy, visitor, f"/s/{path.format(id=content)}") as sock:
        assert begun.wait(PATIENCE)
        assert visitor.http.get(f"/s/piece/{content}/2").status_code == 200
        go_on.set()
        assert sock.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.alone
def test_slow_readers_of_a_large_collection_hold_little(roomy: House) -> None:
    """A collection of eight megabytes, asked for whole by twenty connections that read nothing."""
    emma = roomy.person("Emma", "Dupont")
    base = f"{roomy.url}/dav/{emma.login}/contacts"
    with httpx.Client(auth=(emma.login, PASSWORD), timeout=PATIENCE) as client:
        note = "n" * 900_000
        for number in range(9):
            names = f"UID:u{number}\r\nFN:N {number}\r\nN:N;;;;\r\nNOTE:{note}"
            text = f"BEGIN:VCARD\r\nVERSION:3.0\r\n{names}\r\nEND:VCARD\r\n"
            put = client.put(f"{base}/u{number}.vcf", content=text, headers={"content-type": "text/vcard"})
            assert put.status_code == 201
        whole = client.get(f"{base}/")
    assert whole.status_code == 200
    token = base64.b64encode(f"{emma.login}:{PASSWORD}".encode()).decode()
    before = resident()
    with contextlib.ExitStack() as stack:
        socks = []
        for _ in range(READERS):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.settimeout(PATIENCE)
            sock.connect(("127.0.0.1", roomy.ports["http"]))
            ask = f"GET /dav/{emma.login}/contacts/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            sock.sendall(f"{ask}Authorization: Basic {token}\r\n\r\n".encode())
            assert sock.recv(1000).startswith(b"HTTP/1.1 200")
            socks.append(sock)
        assert resident() - before < 100_000_000
        size = sum(len(piece) for piece in iter(lambda: socks[0].recv(1 << 20), b""))
        assert size > len(whole.content) - 1000


def test_an_export_that_is_not_taken_is_on_the_disk(roomy: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contacts and events as files: each connection that read nothing held all of it in memory."""
    emma = roomy.person("Emma", "Dupont")
    visitor = roomy.visitor()
    visitor.log_in(emma.login, interface="complet")
    agenda = re.search(r"/agenda/agendas/([0-9]+)", visitor.get("/agenda/agendas").text)
    assert agenda is not None
    base = f"{roomy.url}/dav/{emma.login}"
    note = "n" * 900_000
    with httpx.Client(auth=(emma.login, PASSWORD), timeout=PATIENCE) as client:
        for number in range(3):
            card = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u{number}\r\nFN:N\r\nN:N;;;;\r\nNOTE:{note}\r\nEND:VCARD\r\n"
            event = (
                "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nDTSTAMP:20261101T000000Z\r\n"
                f"UID:e{number}\r\nDTSTART:20261201T090000Z\r\nDESCRIPTION:{note}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
            )
            for path, text, kind in (("contacts/u", card, "vcard"), ("agenda/e", event, "calendar")):
                ending = "vcf" if kind == "vcard" else "ics"
                typed = {"content-type": f"text/{kind}"}
                put = client.put(f"{base}/{path}{number}.{ending}", content=text, headers=typed)
                assert put.status_code == 201
    monkeypatch.setattr(large_answers, "MAX_KEPT_EACH", 4_000_000)

    def answers(path: str) -> bool:
        return visitor.http.get(path).status_code == 200

    for target in ("/contacts/exporter?format=vcf", f"/agenda/agendas/{agenda[1]}/exporter"):
        assert len(visitor.http.get(target).content) > 2_700_000
        with slow_reader(roomy, visitor, target) as sock:
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
            assert visitor.http.get(target).status_code == 503
        until(functools.partial(answers, target))


def test_one_person_reads_their_agendas_once_at_a_time(roomy: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request read them all, a hundred megabytes perhaps, before it waited for its turn to compute, and one
    person's requests held every thread that reads."""
    emma = roomy.person("Emma", "Dupont")
    visitor = roomy.visitor()
    visitor.log_in(emma.login, interface="complet")
    shown = visitor.get("/agenda")
    assert shown.status_code == 200
    calls: list[int] = []
    go_on = threading.Event()
    between = agenda_reach.between

    def slowly(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        assert go_on.wait(PATIENCE)
        return between(*args, **kwargs)

    monkeypatch.setattr(agenda_reach, "between", slowly)
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(slow_reader(roomy, visitor, shown.url.raw_path.decode())) for _ in range(2)]
        until(lambda: [one for one in list(agenda_turn._TURNS.values()) if one._waiters])
        assert len(calls) == 1
        go_on.set()
        assert all(sock.recv(100).startswith(b"HTTP/1.1 200") for sock in socks)


# ---------------------------------------------------------------------- pictures of contacts


def vast_card(number: int) -> str:
    """Some kilobytes that are sixteen million pixels: half a second, and 100 MB, each time they are drawn."""
    out = io.BytesIO()
    Image.new("RGB", (3990, 4000), (number, 0, 0)).save(out, "PNG")
    photo = base64.b64encode(out.getvalue()).decode()
    return (
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:vaste{number}\r\nFN:Vaste {number}\r\nN:Vaste;;;;\r\n"
        f"PHOTO;ENCODING=b;TYPE=PNG:{photo}\r\nEND:VCARD\r\n"
    )


def test_a_picture_is_drawn_once_and_delays_nobody(
    roomy: House, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty requests for one card: another's agenda was answered after them all, each drawing anew behind one lock."""
    drawn: list[int] = []
    small = pictures.small
    may_draw = threading.Event()

    def counted(octets: bytes) -> bytes:
        drawn.append(len(octets))
        assert may_draw.wait(PATIENCE)
        return small(octets)

    monkeypatch.setattr(pictures, "small", counted)
    emma, luc = roomy.person("Emma", "Dupont"), roomy.person("Luc", "Roy")
    visitor = roomy.visitor()
    visitor.log_in(emma.login)
    card = f"{roomy.url}/dav/{emma.login}/contacts/vaste1.vcf"
    typed = {"content-type": "text/vcard"}
    assert httpx.put(card, content=vast_card(1), auth=(emma.login, PASSWORD), headers=typed).status_code == 201
    path = "/contacts/fiche/contacts/vaste1.vcf/photo"
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(slow_reader(roomy, visitor, path)) for _ in range(60)]
        until(lambda: drawn)
        # The one thread that draws is held: whoever needs another one is served.
        answer = httpx.request(
            "PROPFIND", f"{roomy.url}/dav/{luc.login}/", auth=(luc.login, PASSWORD), timeout=PATIENCE
        )
        assert answer.status_code == 207
        may_draw.set()
        heads = [sock.recv(1000).split(b"\r\n")[0] for sock in socks]
    assert b"HTTP/1.1 200 OK" in heads
    assert {head.split()[1] for head in heads} <= {b"200", b"503"}
    assert visitor.http.get(path).headers["content-type"] == "image/jpeg"
    assert len(drawn) == 1


def test_vast_pictures_are_not_decoded() -> None:
    """What cannot be read at a fraction of its size has a smaller bound than what cameras make."""
    vast = Image.new("RGB", (6300, 6300))
    for form, more in (("PNG", {}), ("JPEG", {"progressive": True}), ("BMP", {})):
        out = io.BytesIO()
        vast.save(out, form, **more)
        with pytest.raises(ValueError, match="picture"):
            pictures.small(out.getvalue())
    out = io.BytesIO()
    vast.save(out, "JPEG")
    assert pictures.small(out.getvalue()).startswith(b"\xff\xd8")
