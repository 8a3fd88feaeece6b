"""What a confined process may not do, whatever it wants: tried by a small program of our own."""

import json
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mailserver.previews import confinement
from mailserver.previews.processes import ROOT

TRIES = """
import ctypes, json, os, socket, subprocess, sys
from pathlib import Path
from mailserver.previews import confinement

folder, secret, address = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
confinement.confine(folder, [Path("/usr")], [Path("/dev/null")])

def tried(work):
    try:
        work()
    except OSError as error:
        return error.errno
    return 0

def connected():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(address)

def bound():
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "pipe"))

libc = ctypes.CDLL(None, use_errno=True)

def called(number, *values):
    if libc.syscall(number, *values) < 0:
        raise OSError(ctypes.get_errno(), "")

print(json.dumps({
    "own": tried(lambda: (folder / "made").write_text("x")),
    "usr": tried(lambda: os.listdir("/usr")),
    "null": tried(lambda: open("/dev/null", "wb").close()),
    "bound": tried(bound),
    "secret": tried(lambda: open(secret).read()),
    "beside": tried(lambda: open(secret + ".new", "w")),
    "way out": tried(lambda: (folder / "link").read_text()),
    "process": tried(lambda: open(f"/proc/{os.getppid()}/environ").read()),
    "moved": tried(lambda: os.rename(secret, folder / "secret")),
    "usr written": tried(lambda: open("/usr/x", "w")),
    "internet": tried(lambda: socket.socket(socket.AF_INET)),
    "internet 6": tried(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
    "netlink": tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    "datagrams": tried(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)),
    "connected": tried(connected),
    "fork": tried(os.fork),
    "spawned": tried(lambda: subprocess.run(["/usr/bin/true"])),
    "io_uring": tried(lambda: called(425, 1, None)),
    "ptrace": tried(lambda: called(101, 16, os.getppid(), None, None)) if os.uname().machine == "x86_64" else 13,
}))
"""
ALLOWED = {"own", "usr", "null", "bound"}


def test_what_is_confined_reaches_nothing_of_others(tmp_path: Path) -> None:
    folder, secret = tmp_path / "own", tmp_path / "secret"
    folder.mkdir()
    secret.write_text("secret")
    (folder / "link").symlink_to(secret)
    os.chmod(secret, 0o600)
    with socket.socket(socket.AF_UNIX) as door:
        address = f"/tmp/m{os.getpid()}.sock"
        door.bind(address)
        try:
            door.listen()
            done = subprocess.run(
                [sys.executable, "-c", TRIES, str(folder), str(secret), address],
                env={"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=True,
            )
        finally:
            os.unlink(address)
    found = json.loads(done.stdout)
    assert {name for name, error in found.items() if not error} == ALLOWED
    assert secret.read_text() == "secret"
    assert not (tmp_path / "secret.new").exists()


def test_without_a_kernel_that_can_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert confinement.is_possible()
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert not confinement.is_possible()
    monkeypatch.undo()
    monkeypatch.setattr(confinement, "_version", lambda: 0)
    assert not confinement.is_possible()
