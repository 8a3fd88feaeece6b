"""Strings: encoded characters (RFC 5228 section 2.4.2.4) and variables (RFC 5229 section 3)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.machine import Machine, Phrase
from mailserver.texts.text import Text

MAX_MATCH = 32
"""Match variables that are kept, `${0}` among them."""

_ENCODED = re.compile(
    r"\$\{(?:hex:[ \t\r\n]*+(?P<hex>[0-9a-f]{1,2}(?:[ \t\r\n]++[0-9a-f]{1,2})*+)"
    r"|unicode:[ \t\r\n]*+(?P<unicode>[0-9a-f]++(?:[ \t\r\n]++[0-9a-f]++)*+))[ \t\r\n]*+\}",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\$\{(?:(?P<number>[0-9]++)|(?P<name>[a-z_][a-z0-9_]*+(?:\.[a-z0-9_]++)*+))\}", re.IGNORECASE)
NAME = re.compile(r"[a-z_][a-z0-9_]*+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Strings:
    """A list of strings: constant ones, or made when they are asked for."""

    constant: tuple[str, ...] | None
    phrases: tuple[Phrase, ...] = ()

    def get(self, machine: Machine) -> Sequence[str]:
        """What it holds now."""
        if self.constant is not None:
            return self.constant
        return [phrase(machine) for phrase in self.phrases]


def decode_characters(text: str, at: int) -> str:
    """Encoded characters undone. Octets that are no UTF-8 become U+FFFD, as those of messages do. Raises Fault."""
    octets = bytearray()
    last = 0
    for found in _ENCODED.finditer(text):
        octets += text[last : found.start()].encode("utf-8", "surrogatepass")
        last = found.end()
        if found["hex"]:
            octets += bytes(int(pair, 16) for pair in found["hex"].split())
        else:
            for code in found["unicode"].split():
                octets += _character(code.lstrip("0"), at).encode("utf-8")
    octets += text[last:].encode("utf-8", "surrogatepass")
    return octets.decode("utf-8", "replace")


def _character(code: str, at: int) -> str:
    value = int(code or "0", 16) if len(code) <= 6 else 0x110000
    if value > 0x10FFFF or 0xD800 <= value <= 0xDFFF:
        raise Fault(at, Text("« {code} » n’est pas un caractère Unicode.", code=code[:20]))
    return chr(value)


def phrase(text: str, at: int, required: set[str], shared: set[str]) -> str | Phrase:
    """A string with its variables; itself when it has none. `shared`: names that mean global variables (RFC 6609
    section 3.4.1). Raises Fault for a name that cannot be."""
    pieces: list[str | Phrase] = []
    last = 0
    for found in _VARIABLE.finditer(text):
        if found.start() > last:
            pieces.append(text[last : found.start()])
        pieces.append(_reference(found, at, required, shared))
        last = found.end()
    if not last:
        return text
    if last < len(text):
        pieces.append(text[last:])
    if len(pieces) == 1 and not isinstance(pieces[0], str):
        return pieces[0]
    return _joined(tuple(pieces))


def _joined(pieces: tuple[str | Phrase, ...]) -> Phrase:
    def made(machine: Machine) -> str:
        taken: list[str] = []
        room = machine.limits.value
        for piece in pieces:  # no further than is kept: thousands of long variables fit into one string (memory)
            text = piece if isinstance(piece, str) else piece(machine)
            taken.append(text)
            room -= len(text)
            if room <= 0:
                break
        whole = "".join(taken)
        machine.spend(1 + (len(taken) >> 3) + (len(whole) >> 6))
        return whole[: machine.limits.value]

    return made


def _reference(found: re.Match[str], at: int, required: set[str], shared: set[str]) -> Phrase:
    if found["number"]:
        digits = found["number"].lstrip("0") or "0"
        if len(digits) > 2 or int(digits) >= MAX_MATCH:
            raise Fault(at, Text("« {name} » : il n’y a pas autant de variables de ce genre.", name=found[0][:20]))
        index = int(digits)
        return lambda machine: machine.scope.matched[index] if index < len(machine.scope.matched) else ""
    name = found["name"].lower()
    space, dot, rest = name.rpartition(".")
    if not dot and name in shared:
        return lambda machine: machine.globals.get(name, "")
    if not dot:
        return lambda machine: machine.scope.variables.get(name, "")
    if space == "global" and "include" in required:
        return lambda machine: machine.globals.get(rest, "")
    raise Fault(at, Text("L’espace de noms « {name} » n’existe pas.", name=space[:40]))
