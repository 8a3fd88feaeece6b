"""Hostile requests: floods of fields, parts and cookies, and files without end, cost neither memory nor the disk."""

import asyncio
import contextlib
import http.cookies
import socket
import tempfile
import time

import pytest
from starlette.requests import Request

from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Principal
from tests.waiting import until
from tests.webui.house import House, Visitor
from webui.http import forms
from webui.page import dispatch

BOUNDARY = "limite"
MULTIPART = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(name: str, content: bytes, more: str = "") -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


def end() -> bytes:
    return f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    "body",
    [
        b"".join(part(f"champ{number}", b"x") for number in range(10_000)) + end(),
        b"".join(part(f"champ{number}", b"x" * 1_000_000) for number in range(8)) + end(),
        b"".join(part("piece", b"x", f'; filename="f{number}"') for number in range(1000)) + end(),
        part("champ", b"x", "".join(f"; filename*{number}=a" for number in range(20_000))) + end(),
        part("champ", b"x", "\r\n" + "X-A: b\r\n" * 10_000 + "X-B: c") + end(),
        part("champ", b"x", "; a=" + "b" * 1_000_000) + end(),
    ],
    ids=["fields", "octets of fields", "files", "parameters", "headers", "a header"],
)
def test_floods_of_parts_are_refused(at_home: Visitor, body: bytes) -> None:
    answer = at_home.http.post("/s/ecrire", content=body, headers=MULTIPART)
    assert answer.status_code == 400
    assert "Demande incomprise" in answer.text
    assert at_home.get("/s/").status_code == 200


@pytest.mark.parametrize("charset", ["punycode", "undefined", "unicode_escape", "utf-7", "'a", "rot13"])
@pytest.mark.parametrize("where", ["/s/ecrire", "/connexion"])
def test_forms_are_utf_8_whatever_they_name(at_home: Visitor, charset: str, where: str) -> None:
    """Browsers name no alphabet. Python knows some that take the square of a text, or make of it what is none."""
    body = part("texte", b"\\ud800+2AA-" + b"a" * 60_000) + end()
    kind = {"content-type": f"{MULTIPART['content-type']}; charset={charset}"}
    begun = time.process_time()
    answer = at_home.http.post(where, content=body, headers=kind)
    assert time.process_time() - begun < 5
    assert answer.status_code == 400, charset
    body = part("texte", "é".encode()) + end()
    for name in ("utf-8", '"UTF-8"'):
        kind = {"content-type": f"{MULTIPART['content-type']}; charset={name}"}
        assert at_home.http.post(where, content=body, headers=kind).status_code == 403, "no mark of ours"


def test_a_plain_form_is_not_as_large_as_one_with_files(at_home: Visitor) -> None:
    body = b"&".join(b"champ%d=%s" % (number, b"x" * 1_000_000) for number in range(8))
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert at_home.http.post("/s/ecrire", content=body, headers=kind).status_code == 413


def test_what_nobody_posts_is_not_written_to_the_disk(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of a letter whose session has ended is kept; files of strangers are not."""
    written: list[int] = []
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", lambda file: written.append(1))
    body = part("texte", "Ce que j’écrivais".encode()) + part("piece", b"x" * 5_000_000, '; filename="f"') + end()
    answer = visitor.http.post("/s/ecrire", content=body, headers=MULTIPART)
    assert "Ce que j’écrivais" in answer.text
    assert not written


def test_cookies_that_are_not_ours_are_not_decoded(
    house: House, at_home: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's own parser takes seconds for a header full of quoted backslashes."""

    def unquote(value: str) -> str:
        raise AssertionError(value)

    monkeypatch.setattr(http.cookies, "_unquote", unquote)
    sent = f'a="{chr(92) + chr(34)}"; session={at_home.http.cookies["session"]}; {"b;" * 20_000}'
    answer = house.visitor().http.get("/s/", headers={"cookie": sent})
    assert answer.status_code == 200


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> forms.Spool:
    monkeypatch.setattr(forms, "MAX_SPOOLED", 110_000_000)
    monkeypatch.setattr(forms, "MAX_SPOOLED_EACH", 20_000_000)
    return forms.Spool()


def posted(octets: int) -> Request:
    length = [(b"content-length", str(octets).encode())] if octets else []
    return Request({"type": "http", "method": "POST", "headers": length})


def test_forms_with_files_fill_the_disk_to_a_bound(small: forms.Spool) -> None:
    """Of one account and of all."""
    room = 40_000_000
    with small.hold(posted(50_000_000), 1, room), pytest.raises(Temporary), small.hold(posted(10), 1, room):
        raise AssertionError
    with small.hold(posted(9_000_000), 1, room), small.hold(posted(9_000_000), 1, room), small.hold(posted(0), 2, room):
        with pytest.raises(Temporary), small.hold(posted(9_000_000), 1, room):
            raise AssertionError
        with small.hold(posted(9_000_000), 1, 0):  # it has no files
            pass
    with small.hold(posted(80_000_000), 1, room), pytest.raises(Temporary), small.hold(posted(50_000_000), 2, room):
        raise AssertionError
    with small.hold(posted(80_000_000), 2, room):  # all was given back
        pass
    with pytest.raises(Refused) as refusal, small.hold(posted(500_000_000), 1, room):
        raise AssertionError
    assert refusal.value.reason is Reason.TOO_BIG


def test_a_form_that_does_not_say_its_size_takes_what_has_come_of_it(small: forms.Spool) -> None:
    room = 50_000_000
    with small.hold(posted(0), 1, room) as one, small.hold(posted(0), 2, room) as two:
        assert one is not None
        assert two is not None
        with small.hold(posted(80_000_000), 3, room):  # there is room: next to nothing has come
            pass
        for _ in range(60):
            one.add(1_000_000)
        with pytest.raises(Temporary), small.hold(posted(80_000_000), 3, room):
            raise AssertionError
        with pytest.raises(Temporary):  # more than there is room for
            two.add(60_000_000)
        with pytest.raises(Temporary), small.hold(posted(0), 1, room):  # a second one of an account
            raise AssertionError
    with small.hold(posted(104_000_000), 3, room):  # all was given back
        pass


@pytest.mark.usefixtures("small")
def test_who_sends_slowly_gives_way_where_there_is_little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts that let their forms trickle had all the room for an hour."""
    monkeypatch.setattr(forms, "CROWDED", 80_000_000)
    moment = 0.0
    small = forms.Spool(lambda: moment)
    room, ended = 40_000_000, list[float | None]()

    async def receiving() -> None:
        nonlocal moment
        with small.hold(posted(50_000_000), 1, room) as slow, small.hold(posted(20_000_000), 2, room) as quick:
            assert slow is not None
            assert quick is not None
            async with asyncio.timeout(None) as of_slow, asyncio.timeout(None) as of_quick:
                await asyncio.sleep(0)
                with slow.ends_with(of_slow), quick.ends_with(of_quick):
                    moment = forms.PATIENCE_SECONDS + 10
                    quick.add(20_000_000)
                    slow.add(100_000)
                    with small.hold(posted(5_000_000), 3, room):
                        ended.append(of_slow.when())
                    with small.hold(posted(20_000_000), 3, room):
                        ended.extend([of_slow.when(), of_quick.when()])
                    of_slow.reschedule(None)

    asyncio.run(receiving())
    assert ended[0] is None, "there is room"
    assert ended[1] is not None
    assert ended[2] is None


def test_one_account_has_no_more_than_its_share_of_what_is_left(small: forms.Spool) -> None:
    room = 40_000_000
    with small.hold(posted(80_000_000), 1, room), small.hold(posted(5_000_000), 2, room):
        with pytest.raises(Temporary), small.hold(posted(5_000_000), 2, room):
            raise AssertionError
        with small.hold(posted(5_000_000), 3, room):  # who has none on the way
            pass


def test_an_account_has_so_many_requests_under_way(
    house: House, at_home: Visitor, emma: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "AT_ONCE", 3)
    other = house.visitor()
    other.log_in(house.person("Luc", "Ailleurs").login)
    cookies = "; ".join(f"{name}={value}" for name, value in at_home.http.cookies.items())
    head = f"POST /s/ecrire HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\nContent-Length: 100\r\n"
    with contextlib.ExitStack() as stack:

        def has_enough() -> bool:
            """One more that trickles: an earlier one may have been refused for a look that was still under way."""
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", house.ports["http"])))
            sock.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\na=b".encode())
            return at_home.http.get("/s/").status_code == 429

        until(has_enough)
        answer = at_home.http.get("/s/")
        assert "trop de pages en même temps" in answer.text
        assert answer.headers["retry-after"]
        assert other.http.get("/s/").status_code == 200
    until(lambda: at_home.http.get("/s/").status_code == 200)
