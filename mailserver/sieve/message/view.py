"""The header, as it came and as a script has edited it; the body and its parts when they are asked for."""

from collections.abc import Sequence
from dataclasses import replace

from mailserver.sieve.interface import Edited, Facts
from mailserver.sieve.limits import Limits
from mailserver.sieve.message.fields import HeaderField, read_fields
from mailserver.sieve.message.parts import Parts


class Message:
    """One message during one run."""

    __slots__ = ("_as_messages", "_decoded", "_facts", "_fields", "_limits", "_named", "_parts", "_state", "edited")

    def __init__(self, facts: Facts, limits: Limits) -> None:
        self._facts = facts
        self._limits = limits
        self._fields: list[HeaderField] | None = None
        self._named: dict[str, list[HeaderField]] = {}
        self._decoded: dict[str, tuple[str, ...]] = {}
        self._parts: Parts | None = None
        self._as_messages: dict[int, Message] = {}
        self._state: Edited | None = None
        self.edited = False

    @property
    def size(self) -> int:
        """Octets of the message, with the header as it is now (RFC 5293 section 7)."""
        if not self.edited:
            return self._facts.size
        return self._facts.size + len(self.header) - sum(len(one.written) for one in read_fields(self._facts.header))

    @property
    def parts(self) -> Parts:
        """The body and what it consists of, read when it is asked for first."""
        if self._parts is None:
            self._parts = Parts(self._facts.header, self._facts.body(self._limits.body), self._limits)
        return self._parts

    @property
    def fields(self) -> list[HeaderField]:
        """All fields in their order."""
        if self._fields is None:
            self._set(read_fields(self._facts.header))
        return self._fields or []

    def _set(self, fields: list[HeaderField]) -> None:
        self._fields = fields
        self._named = {}
        for one in fields:
            self._named.setdefault(one.name, []).append(one)

    def named(self, name: str) -> Sequence[HeaderField]:
        """The fields of a name in lower case."""
        if self._fields is None:
            self._set(read_fields(self._facts.header))
        return self._named.get(name, ())

    def values(self, name: str) -> tuple[str, ...]:
        """The values of the fields of a name, decoded."""
        found = self._decoded.get(name)
        if found is None:
            found = tuple([one.decoded(self._limits) for one in self.named(name)])
            self._decoded[name] = found
        return found

    def replace(self, fields: list[HeaderField]) -> None:
        """Set the header's fields (RFC 5293)."""
        self._set(fields)
        self._decoded.clear()
        self._state = None
        self.edited = True

    @property
    def state(self) -> Edited | None:
        """What an action that is met now stores or sends; None: the message as it came."""
        if self.edited and self._state is None:
            header = self.header
            if header != b"".join([one.written for one in read_fields(self._facts.header)]):
                self._state = Edited(header)
        return self._state

    def part_fields(self, place: int) -> Sequence[HeaderField]:
        """All fields of a part; of the first one, which is the message, as they were edited."""
        return self.parts.fields(place) if place else self.fields

    def part(self, place: int) -> tuple["Message", int]:
        """A part as if it were a message, and the octets that had to be read for that."""
        if not place:
            return self, 0
        found = self._as_messages.get(place)
        if found is not None:
            return found, 0
        octets, part = self.parts.octets, self.parts.all[place]
        header = octets[part.start : part.body].removesuffix(b"\n").removesuffix(b"\r")  # the blank line
        size = part.end - part.start

        def body(most: int) -> bytes:
            return octets[part.body : min(part.end, part.body + most)]

        made = self._as_messages[place] = Message(
            replace(self._facts, header=header, body=body, size=size), self._limits
        )
        return made, size

    @property
    def header(self) -> bytes:
        """The header as it is now."""
        return b"".join([one.written for one in self.fields])
