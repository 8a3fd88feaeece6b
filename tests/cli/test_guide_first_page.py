"""The guide's first page is followed as an operator would, block by block, in a fresh folder.

Taken out are its blocks marked `run`; the first one holds the values to fill in, and gets ports and folders of this
test. What the page shows below a block (`text`) is what it prints; `…` stands for anything. What needs root, systemd
or the world is marked so, and not done here; the block marked `starts` opens the doors.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.documents.guide import ENGLISH, Block, blocks
from tests.harness import PORTS, Instance, environment, hatchery
from tests.ports import free_port
from tests.webui.house import Visitor

PAGE = blocks((ENGLISH / "one-host.md").read_text())
VALUES = next(block for block in PAGE if "run" in block.marks)
MARKS = {frozenset(), frozenset({"run"}), frozenset({"root"}), frozenset({"root", "starts"}), frozenset({"world"})}
PASSWORD = "Soixante-dix-8 girafes!"
BLOCK_SECONDS = 300
CODE = re.compile(r"(?:\w{4}-){3}\w{4}")
CALLER = """#!{python} -IS
import json, socket, sys
desk = socket.socket(socket.AF_UNIX)
desk.connect("{place}")
socket.send_fds(desk, [json.dumps(sys.argv[1:]).encode()], [0, 1, 2])
sys.exit(int(desk.recv(16)))
"""


def test_every_block_of_commands_says_whether_it_is_run() -> None:
    assert {block.marks for block in PAGE} == MARKS
    assert all(block.marks for block in PAGE if block.language == "sh")


class Desk(threading.Thread):
    """Runs `mailserver` of this checkout for a shell: each a process, forked from one that has read the program."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        place = folder / "desk"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(place))
        self._socket.listen()
        self.programs = folder / "bin"
        self.programs.mkdir()
        command = self.programs / "mailserver"
        command.write_text(CALLER.format(python=sys.executable, place=str(place)))
        command.chmod(0o700)

    def run(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            with caller:
                said, numbers, _, _ = socket.recv_fds(caller, 1 << 16, 3)
                with contextlib.ExitStack() as stack:
                    streams = [stack.enter_context(open(number, "r+b", buffering=0)) for number in numbers]
                    code = hatchery.spawn(json.loads(said), environment(), *streams).wait(BLOCK_SECONDS)
                caller.sendall(str(code).encode())

    def close(self) -> None:
        """Who waits in accept() is woken by the end of the socket, not by its closing."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.join()


class Shell:
    """Runs blocks with the values of the first one."""

    def __init__(self, programs: Path, values: dict[str, object]) -> None:
        self._values = VALUES.text
        for name, value in values.items():
            self._values, found = re.subn(rf"\b{name}=\S+", f"{name}={value}", self._values)
            assert found == 1, name
        self._environment = {**environment(), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}

    def run(self, block: Block) -> str:
        """What it printed."""
        done = subprocess.run(
            ["bash", "-euc", f"{self._values}\n{block.text}"],
            env=self._environment,
            input=f"{PASSWORD}\n",
            capture_output=True,
            text=True,
            timeout=BLOCK_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def assert_seen(shown: Block, printed: str) -> None:
    """Each line that the page shows was printed; `…` stands for anything."""
    plain = " ".join(printed.split())
    for line in shown.text.splitlines():
        pattern = ".*".join(re.escape(" ".join(part.split())) for part in line.split("…"))
        assert re.search(pattern, plain), f"not printed: {line}\n{printed}"


def enter_for_the_first_time(instance: Instance, login: str, code: str) -> None:
    """What the page says in words: with a browser, the code, then a password."""
    visitor = Visitor(f"https://localhost:{instance.ports['https']}", instance.directory / "tls" / "authority.pem")
    with visitor.http:
        visitor.get("/activation")
        visitor.post("/activation", {"identifiant": login, "preuve": code})
        sealed = visitor.field("preuve_scellee")
        answer = visitor.post("/activation", {"preuve_scellee": sealed, "nouveau": PASSWORD, "encore": PASSWORD})
        assert answer.url.path == "/bienvenue", answer.text


@pytest.mark.needs("restic", "curl", "openssl")
@pytest.mark.usefixtures("quick_restic")
def test_the_first_page_is_followed_as_it_stands(tmp_path: Path) -> None:
    instance = Instance(tmp_path / "instance")
    instance.ports = {name: free_port() for name in (*PORTS, "redirect")}
    folders = {"DIR": instance.directory, "WORK": tmp_path, "BACKUP": tmp_path / "backup", "KEY": tmp_path / "key"}
    ports = {name.upper(): port for name, port in instance.ports.items()}
    desk = Desk(tmp_path)
    desk.start()
    shell = Shell(desk.programs, {"HOST": "localhost", "ADDRESS": "127.0.0.1", **folders, **ports})
    printed = ""
    try:
        for block in PAGE:
            if block.language == "text":
                assert_seen(block, printed)
            elif "starts" in block.marks:
                instance.start("--workers", "1")
            elif "run" in block.marks:
                printed = shell.run(block)
            if "account reset" in block.text and "run" in block.marks:
                code = CODE.search(printed)
                assert code is not None, printed
                enter_for_the_first_time(instance, "edupont", code[0])
    finally:
        instance.stop()
        desk.close()
