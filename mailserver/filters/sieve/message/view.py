"""The header, as it came and as a script has edited it; the body and its parts when they are asked for."""

from collections.abc import Sequence
from dataclasses import replace

from mailserver.filters.sieve.interface import Edited, Facts
from mailserver.filters.sieve.limits import Limits
from mailserver.filters.sieve.message import rope
from mailserver.filters.sieve.message.fields import HeaderField, read_fields
from mailserver.filters.sieve.message.parts import Parts
from mailserver.filters.sieve.message.rope import Rope


class Message:
    """One message during one run."""

    __slots__ = (
        "_as_messages",
        "_body",
        "_decoded",
        "_facts",
        "_fields",
        "_is_whole",
        "_limits",
        "_named",
        "_parts",
        "_replaced",
        "_sent",
        "_state",
        "_structure",
        "edited",
        "rewritten",
    )

    def __init__(self, facts: Facts, limits: Limits) -> None:
        self._facts = facts
        self._limits = limits
        self._fields: list[HeaderField] | None = None
        self._named: dict[str, list[HeaderField]] = {}
        self._decoded: dict[str, tuple[str, ...]] = {}
        self._parts: Parts | None = None
        self._as_messages: dict[int, Message] = {}
        self._state: Edited | None = None
        self._body: Rope | None = None
        self._structure = facts.header
        """Where the body's structure is read from: edited fields do not change it (RFC 5293 section 7)."""
        self._replaced: dict[int, bytes] = {}
        """Parts that are to be others, by their place in `parts`, until `settle`."""
        self._is_whole = False
        """The whole message is another one, and `parts` are still those of before."""
        self._sent: Edited | None = None
        self.edited = False
        self.rewritten = False
        """More than its header was changed."""

    @property
    def size(self) -> int:
        """Octets of the message, with the header as it is now (RFC 5293 section 7)."""
        if not self.edited:
            return self._facts.size
        if self.rewritten:
            return len(self.header) + len(b"\r\n") + rope.length(self.body)
        return self._facts.size + len(self.header) - sum(len(one.written) for one in read_fields(self._facts.header))

    @property
    def parts(self) -> Parts:
        """The body and what it consists of, read when it is asked for first."""
        if self._parts is None:
            self._parts = self._read(self._limits.body)
        return self._parts

    def _read(self, most: int) -> Parts:
        octets = self._facts.body(most) if self._body is None else rope.octets(self._body, most, self._facts.body)
        return Parts(self._structure, octets, self._limits)

    def is_cut(self, place: int) -> bool:
        """A part that was not read to its end."""
        parts = self.parts
        return parts.all[place].end >= len(parts.octets) and len(parts.body) == self._limits.body

    def read_whole(self) -> None:
        """Read the parts anew, to their ends; each is in the same place."""
        self._parts = self._read(self._facts.size + self._limits.edited)

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
        """What an action that is met now stores; None: the message as it came."""
        if self.edited and self._state is None:
            header, body = self.header, self.body if self.rewritten else None
            if body is not None or header != b"".join([one.written for one in read_fields(self._facts.header)]):
                self._state = Edited(header, body)
        return self._state

    @property
    def sent(self) -> Edited | None:
        """What an action that is met now sends on: nobody says in somebody else's name what they did not write."""
        return self._sent if self.rewritten else self.state

    @property
    def body(self) -> Rope:
        """The body as it is now."""
        if self._body is None:
            self._body = (range(len(self._facts.body(self._facts.size))),)
        if not self._replaced:
            return self._body
        parts = self.parts
        start = len(parts.octets) - len(parts.body)
        places = [(parts.all[place], octets) for place, octets in self._replaced.items()]
        return rope.splice(self._body, [(part.start - start, part.end - start, octets) for part, octets in places])

    def replace_part(self, place: int, octets: bytes) -> None:
        """Put another entity in the place of a part; tests see it once `settle` was called (RFC 5703 section 5)."""
        if not self._is_whole:
            self._rewritten()
            self._replaced[place] = octets

    def rewrite(self, fields: list[HeaderField], body: Rope) -> None:
        """Make it another message; tests see its parts once `settle` was called."""
        self._rewritten()
        self._set(fields)
        self._decoded.clear()
        self._body, self._replaced, self._is_whole = body, {}, True

    def _rewritten(self) -> None:
        if not self.rewritten:
            self._sent = self.state
        self.edited = self.rewritten = True
        self._state = None

    def settle(self) -> None:
        """What was rewritten is what tests see: no loop goes on any more."""
        if self._replaced or self._is_whole:
            if self._is_whole:
                self._structure = self.header
            self._body, self._replaced, self._is_whole = self.body, {}, False
            self._parts = None
            self._as_messages.clear()

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
