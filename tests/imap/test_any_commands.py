"""Commands of all dialogues, in any order, in any state and mode, and damaged: none is a defect of ours."""

import asyncio
import random
import re
from collections.abc import Iterator

import pytest
import structlog.testing

from mailserver.store.engine.transactions import Store
from tests.imap import dialogues
from tests.imap.world import Client, World, play

LITERAL = re.compile(r"~?\{(\d+)\+?\}$")
PLACEHOLDER = re.compile(r"<=\w+>")
MODES = ("IMAP4rev2", "UTF8=ACCEPT", "QRESYNC", "CONDSTORE", "UIDONLY", "METADATA", "IMAP4rev2 UIDONLY QRESYNC")
BOXES = ("INBOX", "Archive/2026", "Trash", "&AOk-l&AOg-ves")
MESSAGES = (
    b"Subject: Re: essai\r\nMessage-ID: <1@x>\r\n\r\ncorps\r\n",
    b"From: \xc3\xa9 <a@b.fr>\r\nReferences: <1@x>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
    b"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nz\r\n--x--\r\n",
)


def _commands() -> Iterator[str]:
    """What clients say in the dialogues, without tags; literals need no leave."""
    for path in sorted(dialogues.FOLDER.glob("*.txt")):
        lines = [line for line in dialogues.read(path).lines if line.said_by_client]
        at = 0
        while at < len(lines):
            said, session = PLACEHOLDER.sub("3", lines[at].text), lines[at].session
            at += 1
            while (marker := LITERAL.search(said)) and at < len(lines) and lines[at].session == session:
                said = f"{said[: marker.start()]}{{{marker[1]}+}}\r\n{PLACEHOLDER.sub('3', lines[at].text)}"
                at += 1
            tag, _, command = said.partition(" ")
            if tag.isalnum() and command and not command.upper().startswith(("LOGOUT", "STARTTLS", "COMPRESS")):
                yield command


COMMANDS = sorted(set(_commands()))
WORDS = sorted({word for command in COMMANDS for word in re.split(r"[ ()\r\n]+", command) if word})


def damaged(chance: random.Random, command: str) -> str:
    """Some word of it exchanged for another, doubled, or left out."""
    words = command.split(" ")
    place = chance.randrange(len(words))
    match chance.randrange(4):
        case 0:
            words[place] = chance.choice(WORDS)
        case 1:
            words.insert(place, words[place])
        case 2:
            del words[place]
        case _:
            words[place] = words[place].replace("1", chance.choice(("0", "*", "4294967295", "2:*", "9" * 19)))
    return " ".join(words)


async def said_everything(client: Client, number: int, command: str) -> bool:
    """Send a command, and hear it to its end; False when the session is over."""
    end = f"e{number} ".encode()
    client.send(f"t{number} {command}\r\n".encode())
    if command.upper().startswith(("IDLE", "AUTHENTICATE", "UNAUTHENTICATE")):
        client.send(b"DONE\r\n*\r\n")
    client.send(end + b"NOOP\r\n")
    for _ in range(120):
        if client.transport.lost:
            break
        if b"\r\n" + end in client.pending or client.pending.startswith(end):
            client.transport.take(len(client.pending))
            return True
        assert b"SERVERBUG" not in client.pending, command
        await asyncio.sleep(0.005)
    assert b"SERVERBUG" not in client.pending, command
    client.transport.loseConnection()
    return False


@pytest.mark.parametrize("seed", range(3))
def test_any_commands(sqlite_store: Store, seed: int) -> None:
    chance = random.Random(seed)

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people("edupont", "mmartin")
            first = await world.session()
            for box in BOXES[1:]:
                await first.command(f"CREATE {box}")
            number = 0
            for _ in range(12):
                client = await world.session(chance.choice(("edupont", "mmartin")))
                if chance.random() < 0.7:
                    await client.command(f"ENABLE {chance.choice(MODES)}")
                for octets in MESSAGES:
                    await first.command(f"APPEND {chance.choice(BOXES)}", literal=octets)
                if chance.random() < 0.8:
                    await client.command(f"SELECT {chance.choice(BOXES)}")
                for _ in range(20):
                    number += 1
                    command = chance.choice(COMMANDS)
                    if chance.random() < 0.5:
                        command = damaged(chance, command)
                    if not await said_everything(client, number, command):
                        break

    with structlog.testing.capture_logs() as logged:
        play(scene)
    assert not {line["event"] for line in logged} & {"command failed", "connection failed"}
