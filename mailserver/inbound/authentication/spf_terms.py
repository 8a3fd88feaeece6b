"""SPF records: their grammar and macros (RFC 7208 sections 4.6, 5, 7, 12). Pure.

Written here and not taken from pyspf, because that asks name servers while it evaluates, one after the other in the
thread that called it, and looks for faults of macros again for every label of a name: the square of a long record.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Literal
from urllib.parse import quote

MAX_RECORD = 8 * 1024
"""Octets of a record; RFC 7208 section 3.4 advises 512."""
USUAL_RECORD = 512
"""Of records up to this size is remembered what they say, of 300: a larger one takes a hundred times its room."""
MAX_NAME = 253

Address = IPv4Address | IPv6Address
Kind = Literal["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"]

_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9\-_.]*)=(.*)", re.DOTALL)
_MECHANISM = re.compile(r"([+\-?~]?)([A-Za-z0-9]+)(?:([:/])(.*))?", re.DOTALL)
_CIDR = re.compile(r"(?:/(0|[1-9][0-9]{0,2}))?(?://(0|[1-9][0-9]{0,2}))?")
_ENDING_CIDR = re.compile(r"(?:/[0-9]+)?(?://[0-9]+)?\Z")
_MACRO = re.compile(r"%(?:\{([slodiphcrtv])([0-9]{0,3})(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_LITERALS = re.compile(r"[!-$&-~]*")
_TOP_LABEL = re.compile(r"\.(?:[0-9A-Za-z]*[A-Za-z][0-9A-Za-z]*|[0-9A-Za-z]+-[0-9A-Za-z-]*[0-9A-Za-z])\.?\Z")
_MACRO_END = re.compile(r"%(?:\{[^{}]*\}|[%_-])\Z")


class PermanentError(Exception):
    """The record is wrong (RFC 7208 section 2.6.7)."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One directive."""

    qualifier: str
    kind: Kind
    target: str = ""
    """A domain with macros; empty: the current one."""
    network: IPv4Network | IPv6Network | None = None
    prefix4: int = 32
    prefix6: int = 128


@dataclass(frozen=True, slots=True)
class Record:
    """A record that was read to its end: a fault anywhere spoils all of it."""

    mechanisms: tuple[Mechanism, ...]
    redirect: str = ""


def parse(text: str) -> Record:
    """Read a record, its version included. Raises PermanentError."""
    return _kept(text) if len(text) <= USUAL_RECORD else _parse(text)


def _parse(text: str) -> Record:
    mechanisms: list[Mechanism] = []
    seen: set[str] = set()
    redirect = ""
    for term in text.split(" ")[1:]:
        if not term:
            continue
        modifier = _MODIFIER.fullmatch(term)
        if modifier is None:
            mechanisms.append(_mechanism(term))
            continue
        name, value = modifier[1].lower(), modifier[2]
        if name not in ("redirect", "exp"):
            check_macros(value)
            continue
        if name in seen:
            raise PermanentError(f"{name} stands there twice")
        seen.add(name)
        _check_target(value)
        redirect = value if name == "redirect" else redirect
    return Record(tuple(mechanisms), redirect)


_kept = lru_cache(maxsize=300)(_parse)


def _mechanism(term: str) -> Mechanism:
    found = _MECHANISM.fullmatch(term)
    if found is None:
        raise PermanentError("a term that cannot be read")
    qualifier, name, separator, rest = found[1] or "+", found[2].lower(), found[3] or "", found[4] or ""
    match name:
        case "all" if not separator:
            return Mechanism(qualifier, "all")
        case "include" | "exists" if separator == ":":
            _check_target(rest)
            return Mechanism(qualifier, name, rest)
        case "ip4" | "ip6" if separator == ":":
            return Mechanism(qualifier, name, network=_network(rest, name))
        case "ptr" if separator in ("", ":"):
            if separator:
                _check_target(rest)
            return Mechanism(qualifier, "ptr", rest)
        case "a" | "mx":
            return _with_prefix(qualifier, "a" if name == "a" else "mx", separator, rest)
    raise PermanentError("an unknown mechanism, or one without what it needs")


def _with_prefix(qualifier: str, kind: Kind, separator: str, rest: str) -> Mechanism:
    """`a` and `mx`: `[":" domain-spec] [dual-cidr-length]`."""
    target, cidr = "", ""
    if separator == "/":
        cidr = "/" + rest
    elif separator:
        ending = _ENDING_CIDR.search(rest)
        cut = ending.start() if ending else len(rest)
        target, cidr = rest[:cut], rest[cut:]
        _check_target(target)
    lengths = _CIDR.fullmatch(cidr)
    if lengths is None:
        raise PermanentError("a length of a network that cannot be read")
    four, six = int(lengths[1] or 32), int(lengths[2] or 128)
    if four > 32 or six > 128:
        raise PermanentError("a network longer than its addresses")
    return Mechanism(qualifier, kind, target, prefix4=four, prefix6=six)


def _network(text: str, name: str) -> IPv4Network | IPv6Network:
    address, slash, length = text.partition("/")
    if slash and re.fullmatch(r"0|[1-9][0-9]{0,2}", length) is None:
        raise PermanentError("a length of a network that cannot be read")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise PermanentError("an address that cannot be read") from None
    if ("." in address and ":" not in address) != (name == "ip4") or "%" in text:
        raise PermanentError("an address of the other kind")
    return network


def _check_target(text: str) -> None:
    """A domain-spec: macros, then a top label or one more macro (section 7.1)."""
    check_macros(text)
    if not text or (_TOP_LABEL.search(text[-70:]) is None and _MACRO_END.search(text[-200:]) is None):
        raise PermanentError("not a domain")
    for macro in _MACRO.finditer(text):
        if macro[1] and macro[1].lower() in "crt":
            raise PermanentError("a macro that only explanations may have")


def check_macros(text: str) -> None:
    """Raises PermanentError where a percent sign begins no macro, or a character is none of a macro-string."""
    for _ in _pieces(text):
        pass


def _pieces(text: str) -> Iterator[str | re.Match[str]]:
    at = 0
    while at < len(text):
        if text[at] == "%":
            macro = _MACRO.match(text, at)
            if macro is None or (macro[2] and int(macro[2]) == 0):
                raise PermanentError("a percent sign without a macro")
            at = macro.end()
            yield macro
            continue
        literal = _LITERALS.match(text, at)
        if literal is None or literal.end() == at:
            raise PermanentError("a character that no domain has")
        at = literal.end()
        yield literal[0]


def uses_name(text: str) -> bool:
    """Whether a domain-spec has the macro for the peer's validated name, which costs look-ups."""
    return any(macro[1] and macro[1].lower() == "p" for macro in _MACRO.finditer(text))


def expand(text: str, value: Callable[[str], str]) -> str:
    """A domain-spec with its macros replaced; `value` gives that of a letter. Labels are dropped from the left until
    the name is short enough (section 7.3)."""
    name = ""
    for piece in _pieces(text):
        if isinstance(piece, str):
            name += piece
        elif piece[5]:
            name += {"%": "%", "_": " ", "-": "%20"}[piece[5]]
        else:
            name += _transformed(piece, value(piece[1].lower()))
        name = name[-4 * MAX_NAME :]  # all that can be left of it
    name = name.removesuffix(".")
    if len(name) > MAX_NAME:
        name = name[len(name) - MAX_NAME - 1 :]
        name = name[name.find(".") + 1 :]
    return name


def _transformed(macro: re.Match[str], text: str) -> str:
    delimiters = macro[4] or "."
    labels = re.split(f"[{re.escape(delimiters)}]", text)
    if macro[3]:
        labels.reverse()
    if macro[2]:
        labels = labels[-int(macro[2]) :]
    result = ".".join(labels)
    return quote(result, safe="~-._") if macro[1].isupper() else result


def of_address(address: Address) -> str:
    """The macro `i`: dotted, IPv6 by nibbles (section 7.3)."""
    if isinstance(address, IPv4Address):
        return str(address)
    return ".".join(address.exploded.replace(":", "")).upper()


def reversed_name(address: Address) -> str:
    """Where the names of an address stand."""
    return address.reverse_pointer
