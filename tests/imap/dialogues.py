"""Golden dialogues: text files of `C:` and `S:` lines, played against the door in several ways.

    # a comment
    @people edupont mmartin
    @message edupont INBOX 837570205 \\Seen \\Flagged      (internal date, flags; then the message)
    > From: Fred Foobar <foobar@Blurdybloop.COM>
    >
    > Hello
    C: a1 NOOP
    S: a1 OK <any>

Several sessions are named `A-C:`, `A-S:`, `B-C:`, ... A session begins with its greeting, which is not written.
`@quota edupont 4096 3` limits an account to octets and messages.
`@scram` offers SCRAM-SHA-256 as in the example of its RFC (password `pencil`).
`@in A edupont INBOX` logs a session in and selects a mailbox, unseen. In `S:` lines `<any>` is any text, `<number>`
digits, `<name=number>` remembers them and `<=name>` is the same digits again, also in `C:` lines. `<nul>` is NUL.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, mailboxes, messages
from tests.imap.world import PASSWORD, Client, Pencil, World

FOLDER = Path(__file__).parent / "dialogues"
_LINE = re.compile(r"(?:(\w+)-)?([CS]):(?: (.*)|)$")
_ASKS = re.compile(r"\{\d+\}$")
_PATTERN = re.compile(r"<(any|number|(\w+)=number|=(\w+))>")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that a session says or hears."""

    place: str
    session: str
    said_by_client: bool
    text: str


@dataclass(slots=True)
class Dialogue:
    """A file, read."""

    name: str
    people: list[str] = field(default_factory=lambda: ["edupont"])
    mail: list[tuple[str, str, int, tuple[str, ...], bytes]] = field(default_factory=list)
    inside: list[tuple[str, str, str]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    quotas: list[tuple[str, int, int]] = field(default_factory=list)
    scram: bool = False

    @property
    def sessions(self) -> list[str]:
        named = [session for session, _, _ in self.inside] + [line.session for line in self.lines]
        return list(dict.fromkeys(named))


def read(path: Path) -> Dialogue:
    """Read a dialogue file."""
    dialogue = Dialogue(path.stem)
    for number, line in enumerate(path.read_text(encoding="utf-8").replace("<nul>", "\0").split("\n"), 1):
        place = f"{path.name}:{number}"
        if line.startswith("@"):
            _directive(dialogue, line, place)
        elif line.startswith(">"):
            login, mailbox, date, flags, octets = dialogue.mail[-1]
            dialogue.mail[-1] = login, mailbox, date, flags, octets + line[2:].encode() + b"\r\n"
        elif line.strip() and not line.startswith("#"):
            found = _LINE.match(line)
            assert found, f"{place}: not a line of a dialogue: {line}"
            dialogue.lines.append(Line(place, found[1] or "", found[2] == "C", found[3] or ""))
    return dialogue


def _directive(dialogue: Dialogue, line: str, place: str) -> None:
    word, *arguments = line.split()
    if word == "@people":
        dialogue.people = arguments
    elif word == "@message":
        login, mailbox, date, *flags = arguments
        dialogue.mail.append((login, mailbox, int(date), tuple(flags), b""))
    elif word == "@quota":
        login, octets, count = arguments
        dialogue.quotas.append((login, int(octets), int(count)))
    elif word == "@scram":
        dialogue.scram = True
    elif word == "@in":
        session, login, mailbox = arguments
        dialogue.inside.append((session.replace("-", ""), login, mailbox))
    else:
        raise AssertionError(f"{place}: {word}")


def deliver(tx: Tx, account_id: int, mailbox: str, prepared: blobs.Prepared, flags: tuple[str, ...], date: int) -> None:
    known = {box.name: box for box in mailboxes.listing(tx, account_id)}
    box = known.get(mailbox) or mailboxes.create(tx, account_id, mailbox)
    messages.append(tx, account_id, box.id, prepared, flags, date)


def imap_date(seconds: int) -> bytes:
    """A date-time as APPEND takes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime('"%d-%b-%Y %H:%M:%S +0000"').encode()


async def prepare(dialogue: Dialogue, world: World) -> dict[str, Client]:
    """Make the people and their mail, and open the sessions."""
    await world.people(*dialogue.people)
    if dialogue.scram:
        world.keeper.scram = Pencil(world.keeper.people)
    for login, mailbox, date, flags, octets in dialogue.mail:
        prepared = blobs.prepare(octets, world.store.blobs)
        await world.store.write(deliver, world.accounts[login], mailbox, prepared, flags, date)
    for login, size, count in dialogue.quotas:
        await world.store.write(accounts.set_quota, world.accounts[login], size)
        await world.store.write(messages.set_message_quota, world.accounts[login], count)
    inside = {session: (login, mailbox) for session, login, mailbox in dialogue.inside}
    clients = {}
    for session in dialogue.sessions:
        client = clients[session] = await world.client().greeting()
        if session in inside:
            login, mailbox = inside[session]
            await client.ok(f"LOGIN {login} {PASSWORD}")
            await client.ok(f"SELECT {mailbox}")
    return clients


Sender = Callable[["Speaker", bytes], None]


def whole(client: "Speaker", octets: bytes) -> None:
    """A line at a time."""
    client.send(octets)


def bytewise(client: "Speaker", octets: bytes) -> None:
    """An octet at a time."""
    for octet in octets:
        client.send(bytes([octet]))


class Speaker(Protocol):
    """One session's client, however it is connected."""

    def send(self, octets: bytes) -> None: ...

    async def line(self) -> bytes: ...

    @property
    def pending(self) -> bytes: ...


async def play(dialogue: Dialogue, world: World, send: Sender = whole, *, pipelined: bool = False) -> None:
    """Play a dialogue in memory. Pipelined: a session says all it can before it listens."""
    await perform(dialogue, await prepare(dialogue, world), send, pipelined=pipelined)


async def perform(
    dialogue: Dialogue, clients: Mapping[str, Speaker], send: Sender = whole, *, pipelined: bool = False
) -> None:
    """Play a dialogue whose sessions are connected."""
    known: dict[str, str] = {}
    heard: list[str] = []
    lines = _pipeline(dialogue.lines) if pipelined else dialogue.lines
    for line in lines:
        client = clients[line.session]
        if line.said_by_client:
            text = re.sub(r"<=(\w+)>", lambda found: known[found[1]], line.text)
            send(client, text.encode() + b"\r\n")
            continue
        try:
            said = (await client.line()).decode("utf-8", "surrogateescape")
        except (TimeoutError, ConnectionError) as error:
            lost = [*heard[-8:], f"{line.place}: nothing came ({error}), expected", line.text]
            raise AssertionError("\n".join(lost)) from error
        heard.append(f"  {said}")
        found = re.fullmatch(_expression(line.text, known), said)
        if found is None:
            raise AssertionError("\n".join([*heard[-8:-1], f"{line.place}:", f"- {line.text}", f"+ {said}"]))
        known.update(found.groupdict())
    for session, client in clients.items():
        assert not client.pending, f"{dialogue.name}: {session or 'the server'} said more: {client.pending!r}"


def _expression(text: str, known: dict[str, str]) -> str:
    """An expected line as a regular expression."""
    expression, last = "", 0
    for found in _PATTERN.finditer(text):
        expression += re.escape(text[last : found.start()])
        last = found.end()
        if found[3]:
            expression += re.escape(known[found[3]])
        elif found[2]:
            expression += rf"(?P<{found[2]}>\d+)"
        else:
            expression += ".*" if found[1] == "any" else r"\d+"
    return expression + re.escape(text[last:])


def _pipeline(lines: list[Line]) -> list[Line]:
    """Bring what the client says forward, up to where it must wait for a number it will repeat, or for `+`, in place of
    which its command may be refused."""
    said: list[Line] = []
    heard: list[Line] = []
    asked = False
    for line in lines:
        if line.said_by_client and "<=" not in line.text:
            said.append(line)
            asked = asked or _ASKS.search(line.text) is not None
            continue
        heard.append(line)
        if line.said_by_client or line.text.startswith("+") or (asked and " NO " in line.text):
            said += heard
            heard, asked = [], False
    return said + heard
