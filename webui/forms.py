"""Posted forms, read within bounds: fields as text, files spooled to disk as they arrive."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.datastructures import UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mailserver.errors import BadSyntax, Reason, Refused

MAX_FIELDS = 300
MAX_FILES = 20
MAX_FIELD_OCTETS = 2 * 1024 * 1024
"""One field: the text of a long letter with what it quotes."""
MAX_PLAIN_OCTETS = 4 * 1024 * 1024
"""A form without files."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was posted. Fields are text without NUL; an absent one is empty."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: tuple[UploadFile, ...] = ()
    oversize: bool = False
    """The files held more than they may and were thrown away; the fields are whole."""

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


async def read(request: Request, max_file_octets: int = 0) -> Form:
    """Read the posted form. `max_file_octets`: how much its files may hold together, 0 for no files at all.

    Files somewhat over the bound are dropped and the text beside them is kept; a body far over it is not read.
    Raises BadSyntax, Refused(TOO_BIG).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    bound = MAX_PLAIN_OCTETS + 2 * max_file_octets
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > bound:
        raise Refused(Reason.TOO_BIG)
    stream = _bounded(request, bound)
    parser: FormParser | MultiPartParser
    if kind == "multipart/form-data":
        parser = MultiPartParser(
            request.headers,
            stream,
            max_files=MAX_FILES if max_file_octets else 0,
            max_fields=MAX_FIELDS,
            max_part_size=MAX_FIELD_OCTETS,
        )
    elif kind in ("application/x-www-form-urlencoded", ""):
        parser = FormParser(request.headers, stream, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_OCTETS)
    else:
        raise BadSyntax("Unexpected kind of form")
    try:
        parsed = await parser.parse()
    except MultiPartException as error:
        raise BadSyntax(error.message) from None
    except ClientDisconnect:
        raise BadSyntax("The form did not arrive whole") from None
    return _form(parsed.multi_items(), max_file_octets)


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
