"""MTA-STS policies (RFC 8461): the record that announces one, its text, and the servers that it names."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Self

from mailserver.model.address import check_domain
from mailserver.model.errors import BadSyntax

MAX_OCTETS = 64 * 1024
"""Of a policy's text (RFC 8461 section 3.3)."""
MAX_AGE = 31_557_600
"""Seconds, a year (section 3.2)."""
MAX_EXCHANGERS = 100

_RECORD = re.compile(r"v=STSv1[ \t]*;(.*)", re.DOTALL)
_ID = re.compile(r"id[ \t]*=[ \t]*([A-Za-z0-9]{1,32})")
_FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[ \t]*+:(.*)")
_AGE = re.compile(r"[0-9]{1,10}")


class Mode(Enum):
    """What is done about a server that the policy does not fit."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class BadPolicy(Exception):
    """The text is no policy."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain asks of whoever sends to it."""

    mode: Mode
    exchangers: tuple[str, ...]
    """Names in small letters; `*.ex.fr` are those with one label before."""
    max_age: int

    @classmethod
    def read(cls, octets: bytes) -> Self:
        """The policy of a text (section 3.2). Raises BadPolicy."""
        fields = _fields(octets)
        if fields.get("version") != ["STSv1"]:
            raise BadPolicy("version")
        try:
            mode = Mode(fields.get("mode", [""])[0])
        except ValueError:
            raise BadPolicy("mode") from None
        age = fields.get("max_age", [""])[0]
        if not _AGE.fullmatch(age):
            raise BadPolicy("max_age")
        exchangers = tuple(dict.fromkeys(_pattern(text) for text in fields.get("mx", [])))
        if len(exchangers) > MAX_EXCHANGERS or (not exchangers and mode is not Mode.NONE):
            raise BadPolicy("mx")
        return cls(mode, exchangers, min(int(age), MAX_AGE))

    def names(self, exchanger: str) -> bool:
        """Whether a server's name is among those of the policy (section 4.1)."""
        host = exchanger.rstrip(".").lower()
        above = host.partition(".")[2]
        return host in self.exchangers or bool(above and f"*.{above}" in self.exchangers)


def _fields(octets: bytes) -> dict[str, list[str]]:
    """Every `mx`, and the first of each other field. Raises BadPolicy."""
    if len(octets) > MAX_OCTETS:
        raise BadPolicy("size")
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise BadPolicy("not UTF-8") from None
    fields: dict[str, list[str]] = {}
    for line in text.removesuffix("\n").split("\n"):
        found = _FIELD.fullmatch(line.removesuffix("\r"))
        if found is None:
            raise BadPolicy("line")
        if found[1] == "mx" or found[1] not in fields:
            fields.setdefault(found[1], []).append(found[2].strip(" \t"))
    return fields


def _pattern(text: str) -> str:
    """A name of a field `mx`. Raises BadPolicy."""
    star, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        domain = check_domain(name.removesuffix("."))
    except BadSyntax:
        domain = ""
    if not domain or domain.startswith("["):
        raise BadPolicy("mx")
    return star + domain


def record_id(texts: list[bytes]) -> str:
    """The id in the record of a domain; empty: it announces no policy (section 3.1)."""
    records = [text for text in texts if text.startswith(b"v=STSv1")]
    if len(records) != 1:
        return ""
    found = _RECORD.fullmatch(records[0].decode("latin-1"))
    for field in found[1].split(";") if found is not None else ():
        if (said := _ID.fullmatch(field.strip(" \t"))) is not None:
            return said[1]
    return ""
