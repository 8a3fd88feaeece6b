"""Hostile requests: floods of fields, parts and cookies, and files without end, cost neither memory nor the disk."""

import http.cookies
import tempfile

import pytest
from starlette.requests import Request

from mailserver.model.errors import Reason, Refused, Temporary
from tests.webui.house import House, Visitor
from webui.http import forms

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
    """Of one account and of all; a form that does not say its size is taken to be as large as it may."""
    room = 40_000_000
    with small.hold(posted(50_000_000), 1, room), pytest.raises(Temporary), small.hold(posted(10), 1, room):
        raise AssertionError
    with small.hold(posted(9_000_000), 1, room), small.hold(posted(9_000_000), 1, room), small.hold(posted(0), 2, room):
        with pytest.raises(Temporary), small.hold(posted(9_000_000), 1, room):
            raise AssertionError
        with small.hold(posted(9_000_000), 1, 0):  # it has no files
            pass
    with small.hold(posted(0), 1, room), pytest.raises(Temporary), small.hold(posted(50_000_000), 2, room):
        raise AssertionError
    with small.hold(posted(0), 2, room):  # all was given back
        pass
    with pytest.raises(Refused) as refusal, small.hold(posted(500_000_000), 1, room):
        raise AssertionError
    assert refusal.value.reason is Reason.TOO_BIG
