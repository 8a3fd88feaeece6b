"""What keeps a program that reads hostile files to itself: its own folder, no network, no other program.

Landlock (Linux 5.13) closes the file system but for what it may read, seccomp refuses the calls that lead to others.
Both hold until the process ends and for whatever it executes; neither needs a privilege.
"""

import ctypes
import os
import platform
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14
"""What a rule for a file that is no folder may name."""
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_DEVICE = _READ_FILE | _WRITE_FILE
_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Accesses to files by version of Landlock; from 5 on 16."""
_ALLOW, _REFUSE, _MISSING, _KILL = 0x7FFF0000, 0x00050000 | 13, 0x00050000 | 38, 0x80000000
_IO_URING = 425
_CLONE3 = 435
_CLONE_THREAD = 0x10000
_X32 = 0x40000000


class _Machine(NamedTuple):
    """Numbers of calls."""

    name: int
    socket: int
    clone: int
    access: tuple[int, int]
    """access, or faccessat where there is none; and the place of the mode among its arguments."""
    refused: tuple[int, ...]
    """connect, fork, vfork, ptrace, process_vm_readv and process_vm_writev, where there are such calls."""


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 41, 56, (21, 1), (42, 57, 58, 101, 310, 311)),
    "aarch64": _Machine(0xC00000B7, 198, 220, (48, 2), (203, 117, 270, 271)),
}


def is_possible() -> bool:
    """Whether this machine can confine a program."""
    return platform.machine() in _MACHINES and _version() > 0


def confine(folder: Path, reads: Iterable[Path], devices: Iterable[Path]) -> None:
    """Confine this process: everything in `folder`, reading and executing below `reads`, `devices`; nothing else.

    Raises OSError: it is not confined, and nothing hostile may be read.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _done(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _restrict_files(libc, folder, reads, devices)
    _restrict_calls(libc)


def _version() -> int:
    """Of Landlock; 0 or less: there is none."""
    return _call(ctypes.CDLL(None), _CREATE, None, 0, 1)


def _restrict_files(libc: ctypes.CDLL, folder: Path, reads: Iterable[Path], devices: Iterable[Path]) -> None:
    version = _version()
    if version <= 0:
        raise OSError("this kernel has no Landlock")
    everything = (1 << _BITS.get(version, 16)) - 1
    rules = ctypes.create_string_buffer(struct.pack("Q", everything), 8)
    ruleset = _done(_call(libc, _CREATE, rules, 8, 0))
    wanted = [(folder, everything), *((path, _READ) for path in reads), *((path, _DEVICE) for path in devices)]
    for path, allowed in wanted:
        if not path.exists():
            continue
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed &= everything if path.is_dir() else _OF_FILES
        rule = ctypes.create_string_buffer(struct.pack("=Qi", allowed, opened), 12)
        _done(_call(libc, _ADD, ruleset, _PATH_BENEATH, rule, 0))
        os.close(opened)
    _done(_call(libc, _RESTRICT, ruleset, 0))
    os.close(ruleset)


def _restrict_calls(libc: ctypes.CDLL) -> None:
    if platform.machine() not in _MACHINES:
        raise OSError(f"{platform.machine()}: no filter is known for it")
    program = _program()
    held = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(held))
    _done(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(header, len(header)), 0, 0))


def _program() -> bytes:
    """A filter of calls (seccomp(2)): no sockets but streams of this machine, which connect to nobody; no process
    beside this one, threads apart, nor looking into another; io_uring, which no filter sees, is missing. Asked where
    it may write, every place says no: so the socket that LibreOffice makes goes where it is told to, not to /tmp."""
    machine = _MACHINES[platform.machine()]
    lines: list[tuple[int, int, int, int]] = []

    def load(offset: int) -> None:
        lines.append((0x20, 0, 0, offset))

    def answer(value: int) -> None:
        lines.append((0x06, 0, 0, value))

    load(4)  # the machine
    lines.append((0x15, 1, 0, machine.name))
    answer(_KILL)
    load(0)  # the call
    lines.append((0x35, 0, 1, _X32))
    answer(_KILL)
    for number, value in [(one, _REFUSE) for one in machine.refused] + [(_IO_URING, _MISSING), (_CLONE3, _MISSING)]:
        lines.append((0x15, 0, 1, number))
        answer(value)
    number, place = machine.access
    lines.append((0x15, 0, 4, number))
    load(16 + 8 * place)
    lines.append((0x15, 0, 1, os.W_OK))
    answer(_REFUSE)
    answer(_ALLOW)
    lines.append((0x15, 0, 4, machine.clone))
    load(16)  # its first argument
    lines.append((0x45, 1, 0, _CLONE_THREAD))
    answer(_REFUSE)
    answer(_ALLOW)
    lines.append((0x15, 0, 6, machine.socket))
    load(16)
    lines.append((0x15, 0, 3, socket.AF_UNIX))
    load(24)  # its second, without what is no kind
    lines.append((0x54, 0, 0, 0xF))
    lines.append((0x15, 1, 0, socket.SOCK_STREAM))
    answer(_REFUSE)
    answer(_ALLOW)
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _call(libc: ctypes.CDLL, number: int, *values: Any) -> int:
    """A system call that the C library has no name for; its numbers are long ones."""
    return int(libc.syscall(number, *(ctypes.c_long(one) if isinstance(one, int) else one for one in values)))


def _done(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)
