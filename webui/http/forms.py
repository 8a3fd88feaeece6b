"""Posted forms, read within bounds: fields as text, files spooled to disk as they arrive."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary

MAX_FIELDS = 300
MAX_FILES = 20
MAX_FIELD_OCTETS = 2 * 1024 * 1024
"""One field: the text of a long letter with what it quotes."""
MAX_PLAIN_OCTETS = 4 * 1024 * 1024
"""A form without files; and the fields beside files, which are held in memory."""
MAX_GUEST_OCTETS = 64 * 1024
"""A form of somebody who is not logged in: a name, a password, a few words."""
BODY_SECONDS = 3600.0
"""A form may take so long to arrive, however slow the line."""
GUEST_SECONDS = 120.0
"""A form of somebody who is not logged in."""
SMALL_OCTETS = 16 * 1024
"""Of each form in memory these are not counted: whoever fills the room for large forms keeps nobody from logging in."""
MAX_HELD_GUESTS = 32 * 1024 * 1024
"""Octets of larger forms in the memory of one worker, of everybody who is not logged in together."""
MAX_HELD_EACH = 32 * 1024 * 1024
"""The same of one account."""
MAX_HELD = 256 * 1024 * 1024
"""The same of all."""
FILE_IN_MEMORY = 64 * 1024
"""Octets of a file that comes with a form until it moves to the disk."""
GUEST = 0
"""Whose forms those are that nobody who is logged in sent."""
MAX_SPOOLED = 4 * 1024**3
"""Octets of forms with files that one worker receives or works on at the same time: they are on the disk, in /tmp."""
MAX_SPOOLED_EACH = 256 * 1024 * 1024
"""The same of one account, unless it is one form alone; and no more than a quarter of what is left."""
STEP_OCTETS = 1024 * 1024
"""Of a form that does not say how large it is (chunked), room is taken so much at a time."""
CROWDED = 3 * 1024**3
"""Octets of forms from which who sends slowly gives way to who comes."""
PATIENCE_SECONDS = 60.0
"""For which a form may arrive however slowly even then."""
LEAST_RATE = 256 * 1024
"""Octets a second that it brings afterwards, or it gives way: a form may take an hour, and sixteen accounts that let
theirs trickle would have all the room for so long."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was posted. Fields are text without NUL; an absent one is empty."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: tuple[UploadFile, ...] = ()
    oversize: bool = False
    """There were files, and they were thrown away (they held more than they may); the fields are whole."""

    def text(self, name: str) -> str:
        """The first value of a field."""
        values = self.fields.get(name)
        return values[0] if values else ""

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a field."""
        return self.fields.get(name, ())

    def has(self, name: str) -> bool:
        """True for a pressed button or a ticked box."""
        return name in self.fields

    def number(self, name: str) -> int:
        """A positive number, 0 when it is none."""
        return positive(self.text(name))

    def numbers(self, name: str, limit: int) -> tuple[int, ...]:
        """Every positive number of a field, at most `limit`. Raises BadSyntax beyond."""
        values = self.every(name)
        if len(values) > limit:
            raise BadSyntax("Too many values")
        return tuple(dict.fromkeys(number for number in map(positive, values) if number))

    async def close(self) -> None:
        """Give the spooled files back."""
        for file in self.files:
            await file.close()


def positive(text: str) -> int:
    """A positive decimal number that fits a database key; 0 for anything else."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        return 0
    return int(text)


class Spool:
    """What the forms with files take on the disk, in one worker: whoever posts without end does not fill it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._octets: Counter[int] = Counter()
        self._arriving: set[Arriving] = set()

    @contextmanager
    def hold(self, request: Request, account_id: int, max_file_octets: int) -> Iterator["Arriving | None"]:
        """Room for a form, from before it is read until it has been worked on: for all that it announces, else for what
        has come of it, step by step. Raises Temporary: there is none."""
        bound = _bound(max_file_octets)
        octets = _announced(request, bound) if max_file_octets else 0
        if max_file_octets and octets is None:
            octets = min(STEP_OCTETS, bound)
        if not octets:
            yield None
            return
        arriving = Arriving(self._now(), lambda more: self._take(account_id, arriving, min(more, bound)))
        try:
            self._take(account_id, arriving, octets)
            yield arriving
        finally:
            self._arriving.discard(arriving)
            self._octets[account_id] -= arriving.reserved
            if not self._octets[account_id]:
                del self._octets[account_id]

    def _take(self, account_id: int, arriving: "Arriving", octets: int) -> None:
        """Have room for so much of a form. Raises Temporary: there is none."""
        total, held = self._octets.total() - arriving.reserved, self._octets[account_id] - arriving.reserved
        if total + octets > CROWDED:
            for one in self._arriving:
                one.give_way(self._now())
        share = min(MAX_SPOOLED_EACH, (MAX_SPOOLED - total) // 4)
        if total + octets > MAX_SPOOLED or (held and held + octets > share):
            raise Temporary("too many files are being received")
        self._octets[account_id] += octets - arriving.reserved
        arriving.reserved = octets
        self._arriving.add(arriving)


class Arriving:
    """A form with files that is on its way; `take` has room for so many octets of it, or raises Temporary."""

    def __init__(self, now: float, take: Callable[[int], None] | None = None) -> None:
        self._began = now
        self._octets = 0
        self._until: asyncio.Timeout | None = None
        self._take = take
        self.reserved = 0

    @contextmanager
    def ends_with(self, until: asyncio.Timeout) -> Iterator[None]:
        """While it is read; `until` ends that."""
        self._until = until
        try:
            yield
        finally:
            self._until = None

    def add(self, octets: int) -> None:
        """So many more have come. Raises Temporary: there is no room for as many as that, which nobody announced."""
        self._octets += octets
        if self._take is not None and self._octets > self.reserved:
            self._take(-(-self._octets // STEP_OCTETS) * STEP_OCTETS)

    def give_way(self, now: float) -> None:
        """Somebody else needs the room: who sends slowly is heard no more."""
        seconds = now - self._began
        if self._until is not None and seconds > PATIENCE_SECONDS and self._octets < LEAST_RATE * seconds:
            self._until.reschedule(asyncio.get_running_loop().time())


class Memory:
    """What the fields of forms take in one worker, from their arrival until they have been worked on."""

    def __init__(self) -> None:
        self._octets: Counter[int] = Counter()

    @contextmanager
    def hold(self, account_id: int, arriving: Arriving | None = None) -> Iterator["Held"]:
        """The room of one form of an account, or of `GUEST`; `arriving`: what it is on the disk."""
        held = Held(self, account_id, arriving)
        try:
            yield held
        finally:
            self._octets[account_id] -= held.counted
            if not self._octets[account_id]:
                del self._octets[account_id]

    def take(self, account_id: int, octets: int) -> None:
        """Count octets. Raises Temporary: there is no room."""
        most = MAX_HELD_EACH if account_id else MAX_HELD_GUESTS
        if self._octets[account_id] + octets > most or self._octets.total() + octets > MAX_HELD:
            raise Temporary("too many forms are being received")
        self._octets[account_id] += octets


class Held:
    """What one form takes."""

    def __init__(self, memory: Memory, account_id: int, arriving: Arriving | None) -> None:
        self._memory = memory
        self.arriving = arriving or Arriving(0.0)
        self._octets = 0
        self.account_id = account_id
        self.counted = 0

    def add(self, octets: int) -> None:
        """So many octets more are in memory. Raises Temporary."""
        self._octets += octets
        more = max(0, self._octets - SMALL_OCTETS) - self.counted
        if more:
            self._memory.take(self.account_id, more)
            self.counted += more


def _bound(max_file_octets: int, max_plain_octets: int = MAX_PLAIN_OCTETS) -> int:
    """Octets of a body that are read at all."""
    return max_plain_octets + 2 * max_file_octets


def _announced(request: Request, bound: int) -> int | None:
    """Octets of the body as announced; None when they are not. Raises Refused(TOO_BIG)."""
    announced = request.headers.get("content-length", "")
    if not announced.isascii() or not announced.isdigit():
        return None
    if len(announced) > 18 or int(announced) > bound:
        raise Refused(Reason.TOO_BIG)
    return int(announced)


async def read(
    request: Request,
    held: Held,
    max_file_octets: int = 0,
    *,
    max_plain_octets: int = MAX_PLAIN_OCTETS,
    keep: bool = True,
) -> Form:
    """Read the posted form; `held` counts what it takes in memory.

    `max_plain_octets`: the bound of all but its files; `max_file_octets`: of those together, 0 for no files at all.

    Files somewhat over the bound are dropped and the text beside them is kept; a body far over it is not read. With
    `keep` false no file is kept, nor written anywhere. Raises BadSyntax, Refused(TOO_BIG), Temporary.
    """
    said = request.headers.get("content-type", "")
    kind = said.partition(";")[0].strip().lower()
    bound = _bound(max_file_octets if kind == "multipart/form-data" else 0, max_plain_octets)
    _announced(request, bound)
    parser: FormParser | MultiPartParser
    if kind == "multipart/form-data":
        if not _is_utf_8(said):
            raise BadSyntax("Forms are in UTF-8")
        parts = _bounded(request, bound, held.arriving.add)
        parser = _Parts(request, parts, MAX_FILES if max_file_octets else 0, held, keep=keep)
    elif kind in ("application/x-www-form-urlencoded", ""):
        pairs = _bounded(request, bound, held.add)
        parser = FormParser(request.headers, pairs, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_OCTETS)
    else:
        raise BadSyntax("Unexpected kind of form")
    try:
        async with asyncio.timeout(BODY_SECONDS if held.account_id else GUEST_SECONDS) as until:
            with held.arriving.ends_with(until):
                parsed = await parser.parse()
    except TimeoutError:
        raise BadSyntax("The form took too long") from None
    except MultiPartException as error:
        raise BadSyntax(error.message) from None
    except ClientDisconnect:
        raise BadSyntax("The form did not arrive whole") from None
    return _form(parsed.multi_items(), max_file_octets if keep else 0)


def _is_utf_8(content_type: str) -> bool:
    """Browsers name no alphabet of a form (HTML, multipart/form-data encoding algorithm), and the parser believes any
    that Python knows: some take the square of a text's length, some make of it what is none."""
    _, parameters = parse_options_header(content_type)
    return parameters.get(b"charset", b"utf-8").lower() in (b"utf-8", b"utf8")


class _Parts(MultiPartParser):
    """Parts of which the fields are bounded together, too: three hundred of two megabytes would be in memory."""

    spool_max_size = FILE_IN_MEMORY

    def __init__(
        self, request: Request, stream: AsyncGenerator[bytes, None], max_files: int, held: Held, *, keep: bool
    ) -> None:
        super().__init__(
            request.headers, stream, max_files=max_files, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_OCTETS
        )
        self._held = held
        self._keeps = keep
        self._plain = 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        file = self._current_part.file
        if file is None:
            self._plain += end - start
            if self._plain > MAX_PLAIN_OCTETS:
                raise MultiPartException("Too much in the fields")
            self._held.add(end - start)
        elif not self._keeps:
            file.size = (file.size or 0) + end - start
            return
        super().on_part_data(data, start, end)


def _form(items: Sequence[tuple[str, str | UploadFile]], max_file_octets: int) -> Form:
    fields: dict[str, tuple[str, ...]] = {}
    files: list[UploadFile] = []
    for name, value in items:
        if isinstance(value, UploadFile):
            if value.filename:
                files.append(value)
            else:  # an empty file field
                value.file.close()
        else:
            fields[name] = (*fields.get(name, ()), value.replace("\0", ""))
    if sum(file.size or 0 for file in files) > max_file_octets:
        for file in files:
            file.file.close()
        return Form(fields, oversize=True)
    return Form(fields, tuple(files))


async def _bounded(request: Request, bound: int, count: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
    """The body, no more of it than the bound: a length may be wrong or missing (chunked). `count` counts all of it."""
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > bound:
            raise Refused(Reason.TOO_BIG)
        count(len(chunk))
        yield chunk
