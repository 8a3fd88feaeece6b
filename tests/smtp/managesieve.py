"""Golden dialogues of ManageSieve: text files of `C:`, `O:` and `S:` lines, as those of SMTP (`dialogues`).

@greeted                       the runner reads the greeting first
@login ada                     and says AUTHENTICATE
S: "SIEVE" "<any>"             any text
C: "<plain ada>"               a response of SASL PLAIN: of somebody, of `bob as ada`
C: {<size bob>+}               and how many octets it has
    C: PUTSCRIPT "x" {#+}          as many octets as the lines `L:` that follow have
"""

import base64
import itertools
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from tests.smtp.dialogues import tls_context
from tests.smtp.house import PASSWORD, House

FOLDER = Path(__file__).parent / "managesieve_dialogues"
SECONDS = 60


def plain(words: str) -> str:
    """`ada`, or `bob as ada`: who proves it, and as whom."""
    login, _, claimed = words.partition(" as ")
    return base64.b64encode(f"{claimed}\0{login}\0{PASSWORD}".encode()).decode()


class Client:
    """Sends octets, reads lines."""

    def __init__(self, house: House, *, tls: bool = False) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", house.ports["sieve"]), SECONDS)
        self._reader = self.socket.makefile("rb")
        if tls:
            self.greeting()
            self.start_tls()

    def start_tls(self, behind: bytes = b"") -> None:
        """Begin TLS; `behind` is said in clear behind the command."""
        self.send(b"STARTTLS\r\n" + behind)
        assert self.line() == 'OK "Begin TLS negotiation now"'
        self._reader.close()
        self.socket = tls_context().wrap_socket(self.socket)
        self._reader = self.socket.makefile("rb")

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def line(self) -> str:
        """The next line; empty at the end."""
        line = self._reader.readline()
        return line.decode().removesuffix("\r\n") if line else "<closed>"

    def greeting(self) -> list[str]:
        """Up to the OK of the capabilities."""
        lines = [self.line()]
        while not re.match(r"OK|NO|BYE|<closed>", lines[-1]):
            lines.append(self.line())
        return lines

    def log_in(self, login: str) -> None:
        self.send(f'AUTHENTICATE "PLAIN" "{plain(login)}"\r\n'.encode())
        assert self.line() == 'OK "Logged in"'

    def close(self) -> None:
        self._reader.close()
        self.socket.close()

    @property
    def cipher(self) -> ssl.SSLObject | object | None:
        """What TLS agreed on."""
        return self.socket.cipher() if isinstance(self.socket, ssl.SSLSocket) else None


def play(path: Path, house: House, *, way: str) -> None:
    """Play a file: line by line, octet by octet, all at once (`pipelined`), or under TLS."""
    steps = list(_steps(path))
    client = Client(house, tls=way == "tls")
    tls = {'"STARTTLS"'} if way == "tls" else set()
    try:
        if way == "pipelined":
            steps = sorted(steps, key=lambda step: step[1] not in ("@login", "@greeted", "C", "O"))
        for place, kind, text in steps:
            match kind:
                case "@greeted":
                    client.greeting()
                case "@login":
                    client.greeting()
                    client.log_in(text)
                case "@closed":
                    assert client.line() == "<closed>", place
                case "S" if text not in tls:
                    said = client.line()
                    pattern = re.escape(text).replace("<any>", ".*")
                    assert re.fullmatch(pattern, said), f"{place}:\n- {text}\n+ {said}"
                case "C" | "O":
                    octets = _octets(kind, text)
                    for piece in (octets[n : n + 1] for n in range(len(octets))) if way == "octets" else (octets,):
                        client.send(piece)
                case _:
                    pass
    finally:
        client.close()


def _octets(kind: str, text: str) -> bytes:
    if kind == "O":
        return text.encode().decode("unicode_escape").encode("latin-1")
    text = re.sub(r"<plain ([a-z ]+)>", lambda found: plain(found[1]), text)
    return re.sub(r"<size ([a-z ]+)>", lambda found: str(len(plain(found[1]))), text).encode() + b"\r\n"


def _steps(path: Path) -> Iterator[tuple[str, str, str]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        kind, _, text = line.partition(" " if line.startswith("@") else ":")
        if "{#+}" in text:
            literal = itertools.takewhile(lambda one: one.startswith("L:"), lines[number:])
            text = text.replace("#", str(sum(len(one[3:].encode()) + 2 for one in literal)))
        yield f"{path.name}:{number}", "C" if kind == "L" else kind, text if line.startswith("@") else text[1:]
