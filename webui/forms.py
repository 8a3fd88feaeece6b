"""Posted forms, read within bounds: fields as text, files spooled to disk as they arrive."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.datastructures import UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mailserver.errors import BadSyntax, Reason, Refused, Temporary

MAX_FIELDS = 300
MAX_FILES = 20
MAX_FIELD_OCTETS = 2 * 1024 * 1024
"""One field: the text of a long letter with what it quotes."""
MAX_PLAIN_OCTETS = 4 * 1024 * 1024
"""A form without files; and the fields beside files, which are held in memory."""
BODY_SECONDS = 3600.0
"""A form may take so long to arrive, however slow the line."""
MAX_SPOOLED = 4 * 1024**3
"""Octets of forms with files that one worker receives or works on at the same time: they are on the disk, in /tmp."""
MAX_SPOOLED_EACH = 256 * 1024 * 1024
"""The same of one account, unless it is one form alone."""


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

    def __init__(self) -> None:
        self._octets: Counter[int] = Counter()

    @contextmanager
    def hold(self, request: Request, account_id: int, max_file_octets: int) -> Iterator[None]:
        """Room for a form, from before it is read until it has been worked on. Raises Temporary: there is none."""
        octets = _announced(request, _bound(max_file_octets)) if max_file_octets else 0
        held = self._octets[account_id]
        if self._octets.total() + octets > MAX_SPOOLED or (held and held + octets > MAX_SPOOLED_EACH):
            raise Temporary("too many files are being received")
        self._octets[account_id] += octets
        try:
            yield
        finally:
            self._octets[account_id] -= octets
            if not self._octets[account_id]:
                del self._octets[account_id]


def _bound(max_file_octets: int) -> int:
    """Octets of a body that are read at all."""
    return MAX_PLAIN_OCTETS + 2 * max_file_octets


def _announced(request: Request, bound: int) -> int:
    """Octets of the body as announced; the bound when it is not. Raises Refused(TOO_BIG)."""
    announced = request.headers.get("content-length", "")
    if not announced.isascii() or not announced.isdigit():
        return bound
    if len(announced) > 18 or int(announced) > bound:
        raise Refused(Reason.TOO_BIG)
    return int(announced)


async def read(request: Request, max_file_octets: int = 0, *, keep: bool = True) -> Form:
    """Read the posted form. `max_file_octets`: how much its files may hold together, 0 for no files at all.

    Files somewhat over the bound are dropped and the text beside them is kept; a body far over it is not read. With
    `keep` false no file is kept, nor written anywhere. Raises BadSyntax, Refused(TOO_BIG).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    bound = _bound(max_file_octets if kind == "multipart/form-data" else 0)
    _announced(request, bound)
    stream = _bounded(request, bound)
    parser: FormParser | MultiPartParser
    if kind == "multipart/form-data":
        parser = _Parts(request, stream, MAX_FILES if max_file_octets else 0, keep=keep)
    elif kind in ("application/x-www-form-urlencoded", ""):
        parser = FormParser(request.headers, stream, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_OCTETS)
    else:
        raise BadSyntax("Unexpected kind of form")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            parsed = await parser.parse()
    except TimeoutError:
        raise BadSyntax("The form took too long") from None
    except MultiPartException as error:
        raise BadSyntax(error.message) from None
    except ClientDisconnect:
        raise BadSyntax("The form did not arrive whole") from None
    return _form(parsed.multi_items(), max_file_octets if keep else 0)


class _Parts(MultiPartParser):
    """Parts of which the fields are bounded together, too: three hundred of two megabytes would be in memory."""

    def __init__(self, request: Request, stream: AsyncGenerator[bytes, None], max_files: int, *, keep: bool) -> None:
        super().__init__(
            request.headers, stream, max_files=max_files, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_OCTETS
        )
        self._keeps = keep
        self._plain = 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        file = self._current_part.file
        if file is None:
            self._plain += end - start
            if self._plain > MAX_PLAIN_OCTETS:
                raise MultiPartException("Too much in the fields")
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


async def _bounded(request: Request, bound: int) -> AsyncGenerator[bytes, None]:
    """The body, no more of it than the bound: a length may be wrong or missing (chunked)."""
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > bound:
            raise Refused(Reason.TOO_BIG)
        yield chunk
