"""Sender Rewriting Scheme: return paths of others under which we may send, and which lead reports back to them. Pure.

What is passed on with the return path of whoever wrote leaves from our hosts, for which the SPF record of their domain
does not speak. So it leaves under an address of ours that holds theirs, a day and a keyed hash:
`SRS0=hash=day=domain=local@ours`. Of one that somebody else rewrote already, `SRS1=hash=host=…@ours` holds the rest as
it is, and leads back to that host.
"""

import base64
import hashlib
import hmac
import re

from mailserver.model.clock import DAY

MAX_AGE = 21
"""Days that a report takes at most: as long as any queue keeps a message, thrice."""
MAX_LOCAL = 64
"""Octets of a local part that every server takes (RFC 5321 section 4.5.3.1.1)."""
DAYS = 1024
"""After which the two letters of a day begin again."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_HASH_OCTETS = 5
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
_FIRST = re.compile(r"srs0([=+-].+)", re.IGNORECASE)
_LATER = re.compile(r"srs1[=+-][^=]+=([A-Za-z0-9.-]+)=([=+-].+)", re.IGNORECASE)
_OURS = re.compile(r"srs0=([a-z2-7]{8})=([a-z2-7]{2})=([A-Za-z0-9.-]+)=(.+)", re.IGNORECASE)
_OURS_LATER = re.compile(r"srs1=([a-z2-7]{8})=([A-Za-z0-9.-]+)=([=+-].+)", re.IGNORECASE)


def forward(secret: bytes, path: str, domain: str, now: float) -> str:
    """The return path to send under, in place of one of another domain; the same where it would be none that every
    server takes."""
    local, _, host = path.rpartition("@")
    if _PLAIN.fullmatch(path) is None:
        return path
    if found := _FIRST.fullmatch(local):
        local = _later(secret, host, found[1])
    elif found := _LATER.fullmatch(local):
        local = _later(secret, found[1], found[2])
    else:
        day = _written(int(now // DAY))
        local = f"SRS0={_hash(secret, 'srs0', day, host, local)}={day}={host}={local}"
    return f"{local}@{domain}" if len(local) <= MAX_LOCAL else path


def reverse(secret: bytes, address: str, now: float) -> str:
    """Whom a report to an address of ours is for; empty: it is none that we made, or too old."""
    local = address.rpartition("@")[0]
    if found := _OURS.fullmatch(local):
        age = (int(now // DAY) - _read(found[2])) % DAYS
        if age <= MAX_AGE and _is(found[1], _hash(secret, "srs0", found[2], found[3], found[4])):
            return f"{found[4]}@{found[3]}"
    elif (found := _OURS_LATER.fullmatch(local)) and _is(found[1], _hash(secret, "srs1", found[2], found[3])):
        return f"SRS0{found[3]}@{found[2]}"
    return ""


def _later(secret: bytes, host: str, rest: str) -> str:
    return f"SRS1={_hash(secret, 'srs1', host, rest)}={host}={rest}"


def _hash(secret: bytes, *words: str) -> str:
    """Of the words in small letters: on their way some servers change others."""
    said = "\0".join(words).lower().encode("utf-8", "surrogatepass")
    return base64.b32encode(hmac.digest(secret, said, hashlib.sha256)[:_HASH_OCTETS]).decode("ascii").lower()


def _is(given: str, right: str) -> bool:
    return hmac.compare_digest(given.lower().encode(), right.encode())


def _written(day: int) -> str:
    return _LETTERS[day % DAYS // 32] + _LETTERS[day % 32]


def _read(text: str) -> int:
    return _LETTERS.index(text[0].lower()) * 32 + _LETTERS.index(text[1].lower())
