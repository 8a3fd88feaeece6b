"""Signature fields (DKIM-Signature, ARC-Message-Signature, ARC-Seal) and the parts of a header that they sign. Pure.

dkimpy splits and judges the tags and knows the names of the canonical forms. Choosing fields, leaving out `b=`, hashing
bodies and writing the relaxed form are ours: dkimpy's ways take the square of what a stranger sends, hold the
interpreter meanwhile, or search each field twice by expressions.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

import dkim  # type: ignore[import-untyped]
from dkim.canonicalization import (  # type: ignore[import-untyped]
    CanonicalizationPolicy,
    InvalidCanonicalizationPolicyError,
    Relaxed,
)
from dkim.util import InvalidTagValueList, parse_tag_value  # type: ignore[import-untyped]

from mailserver.mime.header import headers
from mailserver.model.address import check_domain
from mailserver.model.errors import BadSyntax

MAX_FIELD = 16 * 1024
"""Octets of a field with a signature; a real one has one."""
MAX_NAMES = 200
"""Fields that one signature names."""
_LENGTH = re.compile(rb"[0-9]{1,12}")
"""Of `l=`; dkimpy takes one without digits, too."""

_ALGORITHMS = ("rsa-sha256", "ed25519-sha256")


class BadSignature(Exception):
    """It cannot be one; the text says why, in a word for the results."""


@dataclass(frozen=True, slots=True)
class Field:
    """One header field as it stands, line end included."""

    name: bytes
    value: bytes


class Header:
    """The fields of a message, found by their names."""

    def __init__(self, octets: bytes) -> None:
        self._written: dict[str, list[tuple[bytes, bytes]]] = {}
        for name, field, value in headers.written(octets):
            self._written.setdefault(name, []).append((field, value))

    def named(self, name: str) -> list[Field]:
        """From the top."""
        found = self._written.get(name, ())
        return [Field(field[: len(field) - len(value) - 1], value) for field, value in found]

    def count(self, name: str) -> int:
        """How many there are."""
        return len(self._written.get(name, ()))

    def chosen(self, names: list[str]) -> list[Field]:
        """What a signature over these names signs: each name takes the lowest field that is left (section 5.4.2)."""
        left: dict[str, list[Field]] = {}
        found: list[Field] = []
        for name in names:
            if name not in left:
                left[name] = self.named(name)
            if left[name]:
                found.append(left[name].pop())
        return found


@dataclass(frozen=True)
class Signature:
    """One that may be verified."""

    field: Field
    tags: dict[bytes, bytes]
    domain: str
    selector: str
    algorithm: str

    @property
    def key_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the fields it signs, in small letters."""
        return tuple([one.strip().decode("ascii", "replace").lower() for one in self.tags[b"h"].split(b":")])

    @property
    def is_of_domain(self) -> bool:
        """The signer's identity (`i=`) is not of a domain below."""
        identity = self.tags.get(b"i", b"").lower().rpartition(b"@")[2]
        return identity in (b"", self.tags[b"d"].lower())

    @cached_property
    def octets(self) -> bytes:
        return base64.b64decode(self.tags[b"b"].replace(b" ", b""))

    @cached_property
    def body_hash(self) -> bytes:
        return base64.b64decode(self.tags[b"bh"].replace(b" ", b""))

    @property
    def relaxed_header(self) -> bool:
        return self._forms.header_algorithm is Relaxed

    @property
    def relaxed_body(self) -> bool:
        return self._forms.body_algorithm is Relaxed

    @property
    def length(self) -> int | None:
        """How much of the body is signed (`l=`); None: all of it."""
        return int(self.tags[b"l"]) if b"l" in self.tags else None

    @cached_property
    def _forms(self) -> CanonicalizationPolicy:
        default = b"relaxed/relaxed" if self.field.name.lower().startswith(b"arc-") else None
        return CanonicalizationPolicy.from_c_value(self.tags.get(b"c", default))


def read(field: Field, mandatory: tuple[bytes, ...], *, arc: bool = False) -> Signature:
    """Raises BadSignature."""
    if len(field.value) > MAX_FIELD:
        raise BadSignature("too long")
    try:
        tags: dict[bytes, bytes] = parse_tag_value(relaxed_value(field.value))
        dkim.validate_signature_fields(tags, list(mandatory), arc)
        domain = check_domain(tags[b"d"].decode("utf-8"))
        selector = tags[b"s"].decode("ascii").lower()
        signature = Signature(field, tags, domain, selector, tags[b"a"].decode("ascii").lower())
        _check(signature)
    except (dkim.DKIMException, InvalidTagValueList, InvalidCanonicalizationPolicyError) as error:
        raise BadSignature(type(error).__name__) from None
    except (BadSyntax, ValueError, IndexError, binascii.Error):
        raise BadSignature("malformed") from None
    return signature


def _check(signature: Signature) -> None:
    """Raises BadSignature, ValueError."""
    if signature.algorithm not in _ALGORITHMS:
        raise BadSignature("algorithm not accepted")
    if not signature.selector or " " in signature.selector or len(signature.key_name) > 253:
        raise BadSignature("malformed")
    _ = signature.octets, signature.relaxed_body
    if b"h" in signature.tags:
        if signature.tags[b"h"].count(b":") >= MAX_NAMES:
            raise BadSignature("too many fields named")
        if b"l" in signature.tags and _LENGTH.fullmatch(signature.tags[b"l"]) is None:
            raise BadSignature("malformed")
        _ = signature.body_hash, signature.length


def relaxed_value(value: bytes) -> bytes:
    """A field's value in one line, each run of blanks as one: as dkimpy has it, at a third of the time."""
    line = value.replace(b"\r\n", b"").replace(b"\n", b"").replace(b"\t", b" ")
    while b"  " in line:  # each round halves a run
        line = line.replace(b"  ", b" ")
    return line.strip()


def relaxed(field: Field) -> bytes:
    """A field in its relaxed form."""
    return field.name.lower().rstrip() + b":" + relaxed_value(field.value) + b"\r\n"


def without_signature(field: Field, *, is_relaxed: bool) -> bytes:
    """The field that holds the signature, as it is signed: what `b=` says left out, no line end (section 3.7)."""
    parts = field.value.split(b";")
    for at, part in enumerate(parts):
        name, equals, _ = part.partition(b"=")
        if equals and name.strip() == b"b":
            parts[at] = name + equals
            break
    emptied = Field(field.name, b";".join(parts))
    return (relaxed(emptied) if is_relaxed else emptied.name + b":" + emptied.value).rstrip(b"\r\n \t")


def digest(header: Header, signature: Signature) -> bytes:
    """What a signature over a header signs (section 3.7)."""
    names = [*signature.names]
    if "from" in names:
        names.append("from")  # one more author than was signed is one too many
    found = hashlib.sha256()
    is_relaxed = signature.relaxed_header
    for field in header.chosen(names):
        found.update(relaxed(field) if is_relaxed else field.name + b":" + field.value)
    found.update(without_signature(signature.field, is_relaxed=is_relaxed))
    return found.digest()
