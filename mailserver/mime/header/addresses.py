"""Address lists in header fields (RFC 5322 section 3.4), read leniently; nothing here refuses."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from mailserver.mime.header import headers
from mailserver.model.address import quote_local
from mailserver.model.folding import could_be_address

MAX_ADDRESSES = 10_000
"""Addresses of one field; what follows is not read."""

MAX_READ = 64 * 1024
"""Characters of fields of one name that are read for a page: two thousand addresses, or a tenth of a second of commas.
What IMAP says of a message was made of all of them when it came."""

MAX_COMMENT_DEPTH = 50
"""Nesting of comments; deeper ones end early."""

MAX_ROUTE = 1024
"""Characters of a source route; a longer one is not read as one."""


class Mailbox(NamedTuple):
    """An address as it stands: the name may hold encoded words.

    A group is two more entries, as in ENVELOPE (RFC 3501 section 7.4.2): its start has the group's name as
    `local` and no domain, its end has neither.
    """

    name: str
    route: str
    local: str | None
    domain: str | None

    @property
    def address(self) -> str:
        """`local@domain`, or what there is of it."""
        if self.domain is None or self.local is None:
            return ""
        local = quote_local(self.local)
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def display(self) -> str:
        """The name for people, decoded."""
        return " ".join(headers.decode_words(self.name).split())

    @property
    def label(self) -> str:
        """What stands for it where there is room for one text (`label`)."""
        return label(self.display, headers.clean(self.address))


def label(name: str, address: str) -> str:
    """What stands for somebody in lists, notices and sentences, where there is room for one text.

    Their name; their address where they have none. A name that could be an address never stands alone: the address
    stands before it, where nothing that is cut off at the end can hide it.
    """
    if not name or name.casefold() == address.casefold():
        return address
    return f"{address} ({name})" if could_be_address(name) else name


# `Name <local@domain>`, `"Name" <local@domain>`, `local@domain`: nearly every address there is.
_SIMPLE = re.compile(
    r"\s*+(?:(?:\"([^\"\\]*+)\"\s*+|([^\"(),:;<>@\[\]\\]*+))<([^\s\"(),:;<>@\[\]\\]++)@([^\s\"(),:;<>@\[\]\\]++)>"
    r"|([^\s\"(),:;<>@\[\]\\]++)@([^\s\"(),:;<>@\[\]\\]++))\s*+(?:,|\Z)"
)
_TOKEN = re.compile(
    r"(?P<blank>\s++)|\"(?P<quoted>(?:[^\"\\]++|\\.)*+)\"?|(?P<literal>\[[^\]\\,<>]*+\]?)"
    r"|(?P<special>[,:;<>@()])|(?P<atom>[^\s\"(),:;<>@\[\]\\]++)|(?P<odd>[\\\]])",
    re.DOTALL,
)


def parse(value: str) -> list[Mailbox]:
    """The addresses of an unfolded value, groups included."""
    found: list[Mailbox] = []
    at = 0
    end = len(value)
    while at < end:
        simple = _SIMPLE.match(value, at)
        if simple is None:
            # Something less common: read all of it with the full grammar.
            return [] if not found and not value.strip() else _Reader(value).read()
        quoted, phrase, local, domain, bare_local, bare_domain = simple.groups()
        if local:
            name = quoted if quoted is not None else phrase.strip()
            found.append(Mailbox(name, "", local, domain))
        else:
            found.append(Mailbox("", "", bare_local, bare_domain))
        at = simple.end()
        if len(found) == MAX_ADDRESSES:
            break
    return found


def of(octets: bytes, start: int, end: int, name: str) -> list[Mailbox]:
    """The people in the fields of this name of a header, for a page: as far as MAX_READ characters of them go."""
    found: list[Mailbox] = []
    room = MAX_READ
    for one in headers.named(octets, start, end, name):
        value = headers.as_text(octets[one.value : one.end])[:room]
        room -= len(value)
        found += people(parse(value))
        if room <= 0:
            break
    return found


def people(mailboxes: list[Mailbox]) -> list[Mailbox]:
    """Only those that are addresses, without the marks of groups."""
    return [mailbox for mailbox in mailboxes if mailbox.domain is not None and mailbox.local]


@dataclass(slots=True)
class _Entry:
    """What has been read of one address."""

    words: list[str] = field(default_factory=list)
    """The phrase, or the local part while no `@` was seen."""
    name: str | None = None
    route: str = ""
    at: bool = False
    domain: list[str] = field(default_factory=list)
    comment: str = ""
    angle: bool = False
    seen: bool = False


class _Reader:
    """The full grammar, one token at a time."""

    def __init__(self, value: str) -> None:
        self._value = value
        self._found: list[Mailbox] = []
        self._entry = _Entry()
        self._group = False

    def read(self) -> list[Mailbox]:
        at = 0
        value = self._value
        while at < len(value) and len(self._found) < MAX_ADDRESSES:
            token = _TOKEN.match(value, at)
            if token is None:
                at += 1
                continue
            at = token.end()
            kind = token.lastgroup
            if kind == "special":
                if token.group() == "(":
                    at = self._comment(at)
                else:
                    self._special(token.group())
            elif kind == "blank":
                self._blank()
            elif kind == "quoted":
                self._word(re.sub(r"\\(.)", r"\1", token["quoted"], flags=re.DOTALL))
            else:
                self._word(token.group())
        self._flush()
        if self._group:
            self._found.append(Mailbox("", "", None, None))
        return self._found

    def _comment(self, at: int) -> int:
        """Read a comment, nested ones included; it names an address that has no phrase."""
        depth = 1
        start = at
        value = self._value
        for mark in _PARENTHESIS.finditer(value, at):
            at = mark.end()
            if mark.group() == "(":
                depth = min(depth + 1, MAX_COMMENT_DEPTH)
            elif mark.group() == ")":
                depth -= 1
                if not depth:
                    self._entry.comment = re.sub(r"\\(.)", r"\1", value[start : at - 1], flags=re.DOTALL)
                    return at
        self._entry.comment = value[start:]
        return len(value)

    def _blank(self) -> None:
        words = self._entry.domain if self._entry.at else self._entry.words
        if words and words[-1] != " ":
            words.append(" ")

    def _word(self, text: str) -> None:
        entry = self._entry
        entry.seen = True
        if entry.name is not None and not entry.angle:
            return  # after the closing bracket
        (entry.domain if entry.at else entry.words).append(text)

    def _special(self, mark: str) -> None:
        entry = self._entry
        if mark == "<" and not entry.angle:
            entry.name = "".join(entry.words + (["@", *entry.domain] if entry.at else [])).strip()
            entry.words, entry.domain, entry.at, entry.angle, entry.seen = [], [], False, True, True
        elif mark == ">":
            entry.angle = False
        elif mark == "@":
            if entry.angle and not entry.words:
                entry.route += "@"
            if entry.at:  # a@b@c: the last one separates
                entry.words += ["@", *entry.domain]
                entry.domain = []
            entry.at = entry.seen = True
        elif mark == ":":
            self._colon()
        elif mark == "," and entry.angle and 0 < len(entry.route) < MAX_ROUTE:
            entry.route += "".join(entry.domain).strip() + ","
            entry.domain, entry.at = [], False
        elif mark in ",;":
            self._flush()
            if mark == ";" and self._group:
                self._found.append(Mailbox("", "", None, None))
                self._group = False

    def _colon(self) -> None:
        entry = self._entry
        if entry.angle:
            if entry.route:  # <@one,@two:local@domain>
                entry.route += "".join(entry.domain).strip()
            entry.words, entry.domain, entry.at = [], [], False
        elif not entry.at and not self._group:
            self._found.append(Mailbox("", "", "".join(entry.words).strip(), None))
            self._group = True
            self._entry = _Entry()
        else:
            self._word(":")

    def _flush(self) -> None:
        entry, self._entry = self._entry, _Entry()
        if not entry.seen:
            return
        local = "".join(entry.words).strip()
        domain = "".join(entry.domain).replace(" ", "")
        name = entry.name
        if name is None:
            name = entry.comment.strip()
            words = entry.words[:-1] if entry.words[-1:] == [" "] else entry.words
            if entry.at and domain and " " in words[1:]:  # `Jean Dupont jd@example.org`, the brackets forgotten
                blank = len(words) - 1 - words[::-1].index(" ")
                name, local = "".join(words[:blank]).strip(), "".join(words[blank + 1 :])
        elif not name:
            name = entry.comment.strip()
        if local or domain or name:
            self._found.append(Mailbox(name, entry.route, local, domain))


_PARENTHESIS = re.compile(r"[()]|\\.", re.DOTALL)
