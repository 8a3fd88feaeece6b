"""Golden dialogues: text files of `C:` and `S:` lines, played against a real door in several ways.

    # a comment
    @door lmtp                     (smtp unless said; submission begins in the clear)
    @tls                           the runner says STARTTLS before the dialogue
    @login ada                     the runner says STARTTLS and AUTH before the dialogue
    C: NOOP
    S: 250 2.0.0 <any>
    O: two octets\\r\\n             octets as they are, with escapes, no line end added
    @closed                        the server hangs up
    @mail ada                      the next lines are the end of Ada's only message
    > Hello
    @none ada                      Ada has no message
    @alone                         not to be pipelined: the client must wait for an answer
    @whole                         not octet by octet either: the server hangs up in the middle
    S: 250 <more>                  further lines of a reply, to its last

The greeting is not written. In `S:` lines `<any>` is any text and `<id>` an identifier of ours.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.smtp.house import PASSWORD, House

FOLDER = Path(__file__).parent / "dialogues"
SECONDS = 60
_PATTERNS = {"<any>": ".*", "<more>": ".*", "<id>": "[0-9A-F]{16}"}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a file."""

    place: str
    kind: str
    text: str

    @property
    def octets(self) -> bytes:
        """What the client sends."""
        if self.kind == "O":
            return self.text.encode().decode("unicode_escape").encode("latin-1")
        return self.text.encode() + b"\r\n"


@dataclass(slots=True)
class Dialogue:
    """A file, read."""

    name: str
    door: str = "smtp"
    tls: bool = False
    login: str = ""
    alone: bool = False
    whole: bool = False
    steps: list[Step] = field(default_factory=list)


def read(path: Path) -> Dialogue:
    """Read a dialogue file."""
    dialogue = Dialogue(path.stem)
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        place = f"{path.name}:{number}"
        if line.startswith("@"):
            _directive(dialogue, line, place)
        elif line.startswith(">"):
            step = dialogue.steps[-1]
            dialogue.steps[-1] = Step(step.place, step.kind, f"{step.text}\n{line[2:]}")
        elif line.strip() and not line.startswith("#"):
            kind, _, text = line.partition(":")
            assert kind in ("C", "S", "O"), f"{place}: not a line of a dialogue: {line}"
            dialogue.steps.append(Step(place, kind, text[1:]))
    return dialogue


def _directive(dialogue: Dialogue, line: str, place: str) -> None:
    word, _, argument = line.partition(" ")
    if word == "@door":
        dialogue.door = argument
    elif word == "@tls":
        dialogue.tls = True
    elif word == "@login":
        dialogue.login = argument
    elif word == "@alone":
        dialogue.alone = True
    elif word == "@whole":
        dialogue.alone = dialogue.whole = True
    else:
        assert word in ("@closed", "@mail", "@none"), f"{place}: {word}"
        dialogue.steps.append(Step(place, word, argument))


def tls_context() -> ssl.SSLContext:
    """Trusts the house's own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Wire:
    """A client that sends octets and reads lines."""

    def __init__(self, house: House, dialogue: Dialogue, *, encrypted: bool) -> None:
        self._file = None
        if dialogue.tls or dialogue.login or encrypted:
            client = smtplib.SMTP("127.0.0.1", house.ports[dialogue.door], timeout=SECONDS)
            if dialogue.door == "lmtp":
                client.ehlo_msg = "lhlo"
            client.starttls(context=tls_context())
            if dialogue.login:
                client.login(dialogue.login, PASSWORD)
            assert client.sock is not None
            self.socket: socket.socket = client.sock
        else:
            self.socket = socket.create_connection(("127.0.0.1", house.ports[dialogue.door]), SECONDS)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self.socket.makefile("rb")
        if not (dialogue.tls or dialogue.login or encrypted):
            assert self.line().startswith("220 ")

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def line(self) -> str:
        """The next line; empty at the end."""
        return self._reader.readline().decode().removesuffix("\r\n")

    def close(self) -> None:
        self._reader.close()
        self.socket.close()


def play(
    dialogue: Dialogue, house: House, *, octetwise: bool = False, pipelined: bool = False, tls: bool = False
) -> None:
    """Play a dialogue."""
    wire = Wire(house, dialogue, encrypted=tls)
    heard: list[str] = []
    try:
        for step in _pipeline(dialogue.steps) if pipelined else dialogue.steps:
            if step.kind in ("C", "O"):
                for piece in _pieces(step.octets, octetwise):
                    wire.send(piece)
            elif step.kind == "S":
                said = wire.line()
                heard.append(f"  {said}")
                while step.text == "250 <more>" and said.startswith("250-"):
                    said = wire.line()
                expected = _expression(step.text)
                assert re.fullmatch(expected, said), "\n".join(
                    [*heard[-8:-1], f"{step.place}:", f"- {step.text}", f"+ {said}"]
                )
            else:
                _check(step, wire, house)
    finally:
        wire.close()


def _pieces(octets: bytes, octetwise: bool) -> Iterator[bytes]:
    if not octetwise:
        yield octets
        return
    for octet in octets:
        yield bytes([octet])


def _expression(text: str) -> str:
    expression = re.escape(text)
    for mark, pattern in _PATTERNS.items():
        expression = expression.replace(re.escape(mark), pattern)
    return expression


def _check(step: Step, wire: Wire, house: House) -> None:
    if step.kind == "@closed":
        assert wire.line() == "", f"{step.place}: the connection is open"
        return
    login, *lines = step.text.split("\n")
    found = house.mail(login)
    if step.kind == "@none":
        assert found == [], f"{step.place}: {login} has mail"
        return
    (octets,) = found
    expected = "".join(f"{line}\r\n" for line in lines).encode()
    assert octets.endswith(expected), f"{step.place}: {octets!r}"
    top = octets[: len(octets) - len(expected)]
    assert re.fullmatch(rb"Return-Path: <[^\r\n]*>\r\nReceived: [^\r\n]+\r\n(\t[^\r\n]+\r\n)+", top), top


def _pipeline(steps: list[Step]) -> list[Step]:
    """Everything the client says first, up to each look into a mailbox."""
    said: list[Step] = []
    heard: list[Step] = []
    out: list[Step] = []
    for step in steps:
        if step.kind in ("C", "O"):
            said.append(step)
        else:
            heard.append(step)
        if step.kind.startswith("@"):
            out += said + heard
            said, heard = [], []
    return out + said + heard
