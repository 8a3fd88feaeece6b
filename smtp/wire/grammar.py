"""Command lines -> frozen values: MAIL, RCPT, BDAT and the host names of EHLO. No I/O.

RFC 5321 section 4.1.2 for paths, RFC 1870 (SIZE), RFC 6152 (BODY), RFC 6531 (SMTPUTF8), RFC 3461 (RET,
ENVID, NOTIFY, ORCPT), RFC 4954 (AUTH), RFC 3030 (BDAT), RFC 4865 (HOLDFOR, HOLDUNTIL), RFC 8689 (REQUIRETLS).
Source routes are read and dropped (RFC 5321 appendix C). One tolerance: a space after the colon of MAIL FROM:
and RCPT TO:, which old programs write.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from mailserver.model.address import Address, parse_path
from mailserver.model.errors import BadSyntax

ENVID_OCTETS = 100
"""RFC 3461 section 4.4."""
ORCPT_OCTETS = 500
"""RFC 3461 section 4.2."""
MAX_PARAMETERS = 10

_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9\-]*)(?:=([^\x00-\x20=\x7f]+(?:=[^\x00-\x20=\x7f]*)*))?\Z")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+\Z")
_SECONDS = re.compile(r"[1-9][0-9]{0,8}\Z")
_DATE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z\Z", re.IGNORECASE)
_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,253}[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.IPv]{2,60}\])\Z")

Parameters = dict[str, str | None]


class UnknownParameter(Exception):
    """A parameter of MAIL or RCPT that no extension of ours defines (555, RFC 5321 section 4.1.1.11)."""


class BadAddress(Exception):
    """The path is there, but what it holds is no mailbox (553)."""


class Utf8NotAnnounced(Exception):
    """A non-ASCII address in a transaction without SMTPUTF8 (RFC 6531 section 3.4)."""


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL FROM. `reverse_path` is empty for the null reverse-path."""

    reverse_path: str
    size: int = 0
    body: str = ""
    utf8: bool = False
    ret: str = ""
    envid: str = ""
    hold_for: int = 0
    """Seconds (RFC 4865 section 4.1); 0: not given."""
    hold_until: int = 0
    """Seconds since the epoch; 0: not given."""
    require_tls: bool = False
    """RFC 8689 section 2."""

    @property
    def is_for_later(self) -> bool:
        """Whether it is to be held before it leaves."""
        return bool(self.hold_for or self.hold_until)

    def due(self, now: float) -> int:
        """When it leaves, as it is handed over now; 0: at once."""
        moment = int(now) + self.hold_for if self.hold_for else self.hold_until
        return moment if moment > now else 0


@dataclass(frozen=True, slots=True)
class Rcpt:
    """RCPT TO. `notify` is the set of RFC 3461 section 4.1, empty when not given."""

    forward_path: str
    notify: frozenset[str] = frozenset()
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Bdat:
    """BDAT (RFC 3030 section 2)."""

    size: int
    last: bool


def host_name(argument: str) -> str:
    """The name a client gives itself: a domain or an address literal. Raises BadSyntax.

    Underscores are tolerated: machines of the real world carry them.
    """
    if not _HOST.match(argument):
        raise BadSyntax("Your host name is missing or malformed")
    return argument


def mail(argument: str) -> Mail:
    """Parse what follows `MAIL `. Raises BadSyntax, BadAddress, UnknownParameter, Utf8NotAnnounced."""
    path, rest = _path(argument, "FROM:")
    mailbox = "" if path is None else str(path)
    value = _mail_parameters(mailbox, _parameters(rest)) if rest else Mail(mailbox)
    if not value.utf8 and not argument.isascii():
        raise Utf8NotAnnounced
    return value


def rcpt(argument: str, *, utf8: bool) -> Rcpt:
    """Parse what follows `RCPT `. Raises as `mail` does."""
    path, rest = _path(argument, "TO:")
    if path is None:
        raise BadAddress
    if not utf8 and not argument.isascii():
        raise Utf8NotAnnounced
    return _rcpt_parameters(str(path), _parameters(rest)) if rest else Rcpt(str(path))


def bdat(argument: str) -> Bdat:
    """Parse what follows `BDAT `. Raises BadSyntax."""
    size, _, last = argument.partition(" ")
    if not (size.isascii() and size.isdigit() and len(size) <= 19) or last.upper() not in ("", "LAST"):
        raise BadSyntax("BDAT size [LAST]")
    return Bdat(int(size), bool(last))


def _path(argument: str, keyword: str) -> tuple[Address | None, str]:
    """The path (None for <>), and the parameters."""
    start = len(keyword)
    if argument[:start].upper() != keyword:
        raise BadSyntax(f"Expected {keyword}<address>")
    text = argument[start + 1 :] if argument[start : start + 1] == " " else argument[start:]
    try:
        path, rest = parse_path(text)
    except BadSyntax:
        if text.startswith("<") and ">" in text:
            raise BadAddress from None
        raise BadSyntax(f"Expected {keyword}<address>") from None
    if rest and not rest.startswith(" "):
        raise BadAddress
    return path, rest.strip(" ")


def _parameters(text: str) -> Parameters:
    found: Parameters = {}
    words = text.split()
    if len(words) > MAX_PARAMETERS:
        raise BadSyntax("Too many parameters")
    for word in words:
        match = _PARAMETER.match(word)
        if match is None:
            raise BadSyntax("Malformed parameter")
        name = match[1].upper()
        if name in found:
            raise BadSyntax(f"{name} given twice")
        found[name] = match[2]
    return found


def _mail_parameters(mailbox: str, parameters: Parameters) -> Mail:
    size, body, ret, envid = 0, "", "", ""
    hold_for = hold_until = 0
    utf8 = require_tls = False
    for name, value in parameters.items():
        if name == "SIZE":
            size = _number(value)
        elif name == "BODY":
            body = _one_of(name, value, ("7BIT", "8BITMIME"))
        elif name in ("SMTPUTF8", "REQUIRETLS"):
            if value is not None:
                raise BadSyntax(f"{name} takes no value")
            utf8, require_tls = utf8 or name == "SMTPUTF8", require_tls or name == "REQUIRETLS"
        elif name == "RET":
            ret = _one_of(name, value, ("FULL", "HDRS"))
        elif name == "ENVID":
            envid = _xtext(name, value, ENVID_OCTETS)
        elif name == "AUTH":
            # RFC 4954 section 5: who first submitted it. We trust nobody's word for it, so it is read and dropped.
            _xtext(name, value, 500)
        elif name == "HOLDFOR":
            hold_for = _seconds(value)
        elif name == "HOLDUNTIL":
            hold_until = _moment(value)
        else:
            raise UnknownParameter
    if hold_for and hold_until:
        raise BadSyntax("HOLDFOR and HOLDUNTIL exclude each other")
    return Mail(mailbox, size, body, utf8, ret, envid, hold_for, hold_until, require_tls)


def _rcpt_parameters(mailbox: str, parameters: Parameters) -> Rcpt:
    notify: frozenset[str] = frozenset()
    orcpt = ""
    for name, value in parameters.items():
        if name == "NOTIFY":
            notify = _notify(value)
        elif name == "ORCPT":
            orcpt = _orcpt(value)
        else:
            raise UnknownParameter
    return Rcpt(mailbox, notify, orcpt)


def _notify(value: str | None) -> frozenset[str]:
    """RFC 3461 section 4.1: NEVER alone, or a list of SUCCESS, FAILURE, DELAY."""
    words = (value or "").upper().split(",")
    chosen = frozenset(words)
    if len(chosen) != len(words) or not (chosen == {"NEVER"} or chosen <= {"SUCCESS", "FAILURE", "DELAY"}):
        raise BadSyntax("Malformed NOTIFY")
    return chosen


def _orcpt(value: str | None) -> str:
    """RFC 3461 section 4.2: address type, semicolon, xtext (RFC 6533 section 3: or UTF-8)."""
    kind, _, text = (value or "").partition(";")
    if not kind.replace("-", "").isalnum() or not kind.isascii() or len(value or "") > ORCPT_OCTETS:
        raise BadSyntax("Malformed ORCPT")
    if kind.lower() == "utf-8" and text:
        return value or ""
    _xtext("ORCPT", text, ORCPT_OCTETS)
    return value or ""


def _xtext(name: str, value: str | None, limit: int) -> str:
    if not value or len(value) > limit or not _XTEXT.match(value):
        raise BadSyntax(f"Malformed {name}")
    return value


def _one_of(name: str, value: str | None, choices: tuple[str, ...]) -> str:
    word = (value or "").upper()
    if word not in choices:
        raise BadSyntax(f"{name} must be {' or '.join(choices)}")
    return word


def _seconds(value: str | None) -> int:
    """RFC 4865 section 5: one to nine digits, not all of them naught."""
    if not _SECONDS.match(value or ""):
        raise BadSyntax("Malformed HOLDFOR")
    return int(value or "")


def _moment(value: str | None) -> int:
    """RFC 4865 section 5: the date-time of RFC 3339, in UTC."""
    try:
        if not _DATE_TIME.match(value or ""):
            raise ValueError(value)
        return max(1, int(datetime.fromisoformat((value or "").upper()).timestamp()))
    except (ValueError, OverflowError):
        raise BadSyntax("Malformed HOLDUNTIL") from None


def _number(value: str | None) -> int:
    if value is None or not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise BadSyntax("Malformed SIZE")
    return int(value)
