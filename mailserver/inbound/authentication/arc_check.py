"""ARC (RFC 8617): what those who passed a message on found out, under their seals. Pure: keys are given."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.inbound.authentication import signatures
from mailserver.inbound.authentication.dkim_check import Bodies, Keys
from mailserver.inbound.authentication.keys import BadKey, Key
from mailserver.inbound.authentication.signatures import BadSignature, Field, Header, Signature
from mailserver.model.messages.authentication import Chain

MAX_SETS = 50
"""RFC 8617 section 4.2.1."""
MAX_RESULTS = 32 * 1024
"""Octets of one field ARC-Authentication-Results."""

_RESULTS, _MESSAGE, _SEAL = "arc-authentication-results", "arc-message-signature", "arc-seal"
_INSTANCE = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,3})[ \t\r\n]*(?:;|$)")
_TAG = re.compile(rb"(?:^|;)[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,3})[ \t\r\n]*(?=;|$)")

_QUOTED = re.compile(r'"[^"]*+"')
_RESULT = re.compile(r"\s*([a-z0-9-]+)\s*(?:/\s*[0-9]+\s*)?=\s*([a-z]+)")


@dataclass(frozen=True, slots=True)
class ArcSet:
    """The three fields of one who passed the message on."""

    results: Field
    message: Signature
    seal: Signature


@dataclass(frozen=True, slots=True)
class Sealed:
    """What became of the chain."""

    chain: Chain
    reason: str = ""
    sets: tuple[ArcSet, ...] = ()
    """From the first; of a chain that holds."""


class _Broken(Exception):
    pass


def read(header: Header) -> tuple[ArcSet, ...] | Sealed:
    """The sets in their order, none where there is no chain; or why there is no chain of them."""
    fields = [header.named(name) for name in (_RESULTS, _MESSAGE, _SEAL)]
    if not any(fields):
        return ()
    try:
        if max(map(len, fields)) > MAX_SETS:
            raise _Broken("too many sets")
        results, messages, seals = (_numbered(one) for one in fields)
        count = len(seals)
        if not set(results) == set(messages) == set(seals) == set(range(1, count + 1)):
            raise _Broken("sets are missing")
        return tuple(_set(results[n], messages[n], seals[n], n) for n in range(1, count + 1))
    except _Broken as error:
        return Sealed(Chain.FAIL, str(error))


def _numbered(fields: Sequence[Field]) -> dict[int, Field]:
    found: dict[int, Field] = {}
    for one in fields:
        if len(one.value) > MAX_RESULTS:
            raise _Broken("too long")
        instance = _INSTANCE.match(one.value) or _TAG.search(one.value)
        number = int(instance[1]) if instance else 0
        if number in found or not 1 <= number <= MAX_SETS:
            raise _Broken("sets are numbered twice, or not at all")
        found[number] = one
    return found


def _set(results: Field, message: Field, seal: Field, number: int) -> ArcSet:
    try:
        signed = signatures.read(message, (b"i", b"a", b"b", b"bh", b"d", b"h", b"s"), arc=True)
        sealed = signatures.read(seal, (b"i", b"a", b"b", b"cv", b"d", b"s"), arc=True)
    except BadSignature as error:
        raise _Broken(str(error)) from None
    if b"h" in sealed.tags or _SEAL in signed.names:
        raise _Broken("a seal signs what it must not")
    if sealed.tags[b"cv"] != (b"none" if number == 1 else b"pass"):
        raise _Broken("the chain was broken before")
    return ArcSet(results, signed, sealed)


def verify(header: Header, sets: tuple[ArcSet, ...], keys: Keys, bodies: Bodies) -> Sealed:
    """The newest signature over the message, and every seal (section 5.2)."""
    try:
        newest = sets[-1].message
        key = _key(keys, newest)
        if not bodies.matches(newest) or bodies.is_longer(newest):
            raise _Broken("body changed")
        if not key.verifies(newest.algorithm, newest.octets, signatures.digest(header, newest)):
            raise _Broken("message changed")
        # Each seal signs all sets before it: the hash goes on from one to the next.
        running = hashlib.sha256()
        for one in sets:
            running.update(signatures.relaxed(one.results))
            running.update(signatures.relaxed(one.message.field))
            here = running.copy()
            here.update(signatures.without_signature(one.seal.field, is_relaxed=True))
            if not _key(keys, one.seal).verifies(one.seal.algorithm, one.seal.octets, here.digest()):
                raise _Broken("a seal does not match")
            running.update(signatures.relaxed(one.seal.field))
    except _Broken as error:
        return Sealed(Chain.FAIL, str(error))
    return Sealed(Chain.PASS, sets=sets)


def _key(keys: Keys, signature: Signature) -> Key:
    key = keys.get(signature.key_name)
    if key is None or isinstance(key, BadKey) or key.is_small:
        raise _Broken("key not found out" if key is None else str(key) if isinstance(key, BadKey) else "key too small")
    return key


def attested(sealed: Sealed, trusted: Sequence[str]) -> bool:
    """Whether somebody trusted says that the message met its author's policy, and nobody else changed it since."""
    for one in reversed(sealed.sets):
        if one.seal.domain not in trusted:
            return False
        if "pass" in results_of(one.results.value, "dmarc"):
            return True
    return False


def results_of(value: bytes, method: str) -> set[str]:
    """The results of one method in a field of results, comments and quoted values left out."""
    text = without_comments(value.decode("ascii", "replace")).lower()
    found = (_RESULT.match(part) for part in _QUOTED.sub("", text).split(";")[1:])
    return {one[2] for one in found if one and one[1] == method}


def without_comments(text: str) -> str:
    """A structured value without its comments (RFC 5322 section 3.2.2), quoted strings left whole."""
    kept: list[str] = []
    depth = 0
    quoted = False
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"' and not depth:
            quoted = not quoted
        elif character == "(" and not quoted:
            depth += 1
        elif character == ")" and not quoted and depth:
            depth -= 1
            kept.append(" ")
            continue
        if not depth:
            kept.append(character)
    return "".join(kept)
