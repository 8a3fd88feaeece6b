"""Old office files (.doc, .xls, .ppt, .rtf) as PDF or in the format that came after theirs, by LibreOffice where
operators have it: one at a time, each in a process with limits of its own and a profile that nothing outlives."""

import asyncio
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from enum import StrEnum
from pathlib import Path

import structlog

from mailserver.previews import confined, confinement
from mailserver.previews.faults import Fault
from mailserver.previews.processes import ROOT, end

log = structlog.get_logger("previews")

SECONDS = 45.0
"""By the clock."""
MAX_PAGES = 10 * 1024 * 1024
"""Octets of what it makes."""
MAX_PROFILE = 4 * 1024 * 1024
KINDS = frozenset({"doc", "xls", "ppt", "pps", "rtf"})
_STARTS = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf")
"""What these files begin with. Word has long saved RTF under the name .doc."""
_AGAIN = 81
"""Its exit code when it has made its profile and wants to be started anew."""
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="DisableActiveContent" oor:op="fuse"><value>true</value></prop></item>
</oor:items>
"""
"""No macro, no link that is followed."""


class Lack(StrEnum):
    """Why a program cannot be used."""

    PROGRAM = "program"
    CONFINEMENT = "confinement"
    """This kernel or machine cannot confine it: it would read what is ours."""


def lack(program: Path) -> Lack | None:
    """What is missing to use it, as far as can be said without starting it; None: nothing."""
    if not os.access(confined.program_of(program), os.X_OK):
        return Lack.PROGRAM
    return None if confinement.is_possible() else Lack.CONFINEMENT


class OfficeProgram:
    """LibreOffice for one worker, which gives it one file after another."""

    def __init__(self) -> None:
        self._profile = b""
        """One that it has made itself before it read anything, packed: making it takes longer than most files."""

    async def converted(self, program: Path, kind: str, wanted: str, octets: bytes) -> bytes | Fault:
        """The file as PDF or another format that is `wanted`, or why not."""
        if not octets.startswith(_STARTS):
            return Fault.BROKEN
        folder = await asyncio.to_thread(_folder)
        try:
            await asyncio.to_thread(_furnish, folder, self._profile, kind, octets)
            async with asyncio.timeout(SECONDS):
                code = await _run(folder, program, kind, wanted)
                if code == _AGAIN:
                    self._profile = await asyncio.to_thread(_packed, folder)
                    code = await _run(folder, program, kind, wanted)
            return await asyncio.to_thread(_made, folder, wanted, code)
        except TimeoutError:
            log.warning("LibreOffice took too long", kind=kind)
            return Fault.TOO_BIG
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="mailserver-")).resolve()


def _furnish(folder: Path, profile: bytes, kind: str, octets: bytes) -> None:
    """The file, and a profile that has seen no other."""
    if profile:
        with tarfile.open(fileobj=io.BytesIO(profile)) as kept:
            kept.extractall(folder, filter="data")
    else:
        user = folder / confined.PROFILE / "user"
        user.mkdir(parents=True)
        (user / "registrymodifications.xcu").write_text(_PROFILE)
    (folder / confined.MADE).mkdir()
    _file(folder, kind).write_bytes(octets)


def _packed(folder: Path) -> bytes:
    """The profile; nothing where it is larger than one can be."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as kept:
        kept.add(folder / confined.PROFILE, confined.PROFILE)
    return packed.getvalue() if packed.tell() <= MAX_PROFILE else b""


def _file(folder: Path, kind: str) -> Path:
    return folder / f"document.{kind}"


async def _run(folder: Path, program: Path, kind: str, wanted: str) -> int:
    """Its exit code. Whatever happens, it has ended."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailserver.previews.confined",
        str(folder), str(confined.program_of(program)), _file(folder, kind).name, wanted,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        cwd="/", env={"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
    )  # fmt: skip
    try:
        return await child.wait()
    finally:
        await end(child)


def _made(folder: Path, wanted: str, code: int) -> bytes | Fault:
    """What it wrote; its exit code says nothing of a file that it could not open."""
    if code in (confined.NOT_CONFINED, _AGAIN):
        log.error("LibreOffice cannot be started in confinement", code=code)
        return Fault.NO_PROGRAM
    path = folder / confined.MADE / f"document.{wanted}"
    if not path.is_file() or path.is_symlink():
        if code:
            log.warning("LibreOffice failed", code=code)
        return Fault.TOO_BIG if code < 0 else Fault.UNOPENED
    if path.stat().st_size > MAX_PAGES:
        return Fault.TOO_BIG
    octets = path.read_bytes()
    return octets if octets.startswith((b"%PDF-", b"PK\x03\x04")) else Fault.UNOPENED
