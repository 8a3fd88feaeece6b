"""Old office files through the real LibreOffice: what becomes of them, and what a hostile one does not get."""

import asyncio
import io
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pypdf
import pytest

from mailserver.previews import office_program
from mailserver.previews.confined import program_of
from mailserver.previews.faults import Fault, Unreadable
from mailserver.previews.office_program import Lack, lack
from mailserver.previews.service import Previews
from tests.previews.old_files import DOC, WORDS, XLS, fodp, rtf
from tests.previews.test_conversion import given

PROGRAM = Path("/usr/bin/soffice")
OLE = DOC[:8]
needs_program = pytest.mark.needs("soffice")


@pytest.fixture(scope="module")
def previews() -> Previews:
    """One, as a worker has: LibreOffice makes its profile once."""
    return Previews()


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where its folders are made; none is left."""
    with tempfile.TemporaryDirectory(prefix="m-") as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)
        assert list(Path(name).glob("mailserver-*")) == []


def pages(previews: Previews, kind: str, octets: bytes, program: Path = PROGRAM) -> bytes:
    # A lock belongs to the loop that first waited for it: nobody waits here.
    return asyncio.run(previews.pages(1, program, kind, given(octets)))


def text_of(octets: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(octets)).pages)


def fault_of(previews: Previews, kind: str, octets: bytes, program: Path = PROGRAM) -> Fault:
    with pytest.raises(Unreadable) as raised:
        pages(previews, kind, octets, program)
    return raised.value.fault


@pytest.fixture
def ppt(tmp_path: Path) -> bytes:
    """Written by LibreOffice itself: what it writes is too long for a file of tests."""
    (tmp_path / "a.fodp").write_text(fodp())
    profile = (tmp_path / "profile").as_uri()
    command = [str(PROGRAM), f"-env:UserInstallation={profile}", "--headless", "--convert-to", "ppt"]
    subprocess.run([*command, "--outdir", str(tmp_path), str(tmp_path / "a.fodp")], check=True, capture_output=True)
    return (tmp_path / "a.ppt").read_bytes()


@needs_program
def test_each_kind_becomes_pages(previews: Previews, ppt: bytes) -> None:
    assert WORDS in text_of(pages(previews, "rtf", rtf()))
    assert WORDS in text_of(pages(previews, "doc", DOC))
    assert WORDS in text_of(pages(previews, "doc", rtf())), "Word has saved RTF under that name"
    assert "Nom;Note" in text_of(pages(previews, "xls", XLS))
    assert WORDS in text_of(pages(previews, "ppt", ppt))


@needs_program
def test_what_cannot_be_opened_has_its_reason(previews: Previews) -> None:
    assert fault_of(previews, "doc", OLE + b"\0" * 4000) is Fault.UNOPENED
    assert fault_of(previews, "xls", b"<html>") is Fault.BROKEN
    assert fault_of(previews, "doc", b"") is Fault.BROKEN


@needs_program
def test_a_picture_elsewhere_is_not_fetched(previews: Previews) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        door.setblocking(False)
        link = f'INCLUDEPICTURE "http://127.0.0.1:{door.getsockname()[1]}/x.png"'
        field = f"{{\\field{{\\*\\fldinst {link}}}{{\\fldrslt image}}}} {WORDS}"
        assert WORDS in text_of(pages(previews, "rtf", rtf(field)))
        with pytest.raises(BlockingIOError):
            door.accept()


@needs_program
def test_one_that_takes_too_long_is_ended(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_exec

    async def noted(*command: str, **more: object) -> asyncio.subprocess.Process:
        begun.append(await create(*command, **more))  # type: ignore[arg-type]
        return begun[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    monkeypatch.setattr(office_program, "SECONDS", 0)
    assert fault_of(previews, "rtf", rtf("Trop long")) is Fault.TOO_BIG
    assert all(child.returncode is not None and child.returncode < 0 for child in begun)


@needs_program
def test_pages_beyond_what_is_kept_are_not_shown(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_program, "MAX_PAGES", 1000)
    assert fault_of(previews, "rtf", rtf("Trop grand")) is Fault.TOO_BIG


def test_a_program_that_is_not_there_is_asked_again(tmp_path: Path) -> None:
    """It may have been installed meanwhile; a file's own fault is remembered."""
    previews = Previews()
    missing = tmp_path / "soffice"
    assert lack(missing) is Lack.PROGRAM
    for _ in range(2):
        assert fault_of(previews, "rtf", rtf(), missing) is Fault.NO_PROGRAM


def test_the_script_that_starts_it_is_passed_by(tmp_path: Path) -> None:
    folder = tmp_path / "lib" / "program"
    folder.mkdir(parents=True)
    (folder / "soffice").write_text("#!/bin/sh\n")
    (tmp_path / "soffice").symlink_to(folder / "soffice")
    assert program_of(tmp_path / "soffice") == folder / "soffice.bin"
    assert program_of(folder / "soffice.bin") == folder / "soffice.bin"
