"""Passwords over LDAP: the Password Modify operation (RFC 3062) and values of userPassword.

A person changes their own, with the old one, under the rules that bind what people choose. The administrator
sets anybody's as it is. A password is kept hashed; a hash comes in only as `{ARGON2}`, with bounded costs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from directory.issuing.hashing import MAX_PASSWORD, Kept, Passwords
from directory.server.faults import Fault
from directory.server.wire import ber
from directory.server.wire.messages import Code
from mailserver.model.clock import Clock
from mailserver.model.credentials.sasl import Secret

SCHEME = "{ARGON2}"
LENGTH = 16
"""Characters of a password that we make: 90 bits and more."""
_CLASSES = ("abcdefghjkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "-+=%*!?@#")
"""64 characters, so that octets fall on each alike, and no two that look the same: it may be read aloud."""
_ALPHABET = "".join(_CLASSES)
_NAMED_SCHEME = re.compile(r"\{[A-Za-z0-9_/.-]+\}")
_HASH = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}", re.ASCII
)
MAX_MEMORY_KIB = 65536
MAX_PASSES = 10
MAX_LANES = 4
"""What verifying a hash that somebody gave us may cost: each login pays it."""


@dataclass(frozen=True, slots=True)
class NewPassword:
    """Value of the Password Modify operation (RFC 3062 section 2)."""

    identity: str | None
    old: Secret | None
    new: Secret | None

    @classmethod
    def read(cls, value: bytes | None) -> "NewPassword":
        """Raises BadSyntax."""
        if value is None:
            return cls(None, None, None)
        outer = ber.Reader(value)
        reader = outer.inside()
        outer.finish()
        identity = reader.text(0x80) if reader.tag() == 0x80 else None
        old = Secret(reader.text(0x81)) if reader.tag() == 0x81 else None
        new = Secret(reader.text(0x82)) if reader.tag() == 0x82 else None
        reader.finish()
        return cls(identity, old, new)


def generated_password(secret: Secret) -> bytes:
    """The answer's value when the server made the password: `genPasswd`."""
    return ber.sequence((ber.octets(secret.reveal(), 0x80),))


def generate(clock: Clock) -> Secret:
    """A password of every class of characters."""
    while True:
        text = "".join(_ALPHABET[octet % len(_ALPHABET)] for octet in clock.token(LENGTH))
        if all(set(text) & set(group) for group in _CLASSES):
            return Secret(text)


def given_hash(text: str) -> str | None:
    """The hash in a value of userPassword; None when it is a password in plain text. Raises Fault."""
    if text.upper().startswith(SCHEME):
        kept = text[len(SCHEME) :]
        found = _HASH.fullmatch(kept)
        if found is None:
            raise Fault(Code.CONSTRAINT_VIOLATION, "userPassword: not an argon2id hash")
        memory, passes, lanes = map(int, found.groups())
        if not (8 <= memory <= MAX_MEMORY_KIB and 1 <= passes <= MAX_PASSES and 1 <= lanes <= MAX_LANES):
            raise Fault(Code.CONSTRAINT_VIOLATION, "userPassword: this hash costs too much to verify")
        return kept
    if _NAMED_SCHEME.match(text):
        raise Fault(
            Code.CONSTRAINT_VIOLATION,
            "userPassword: only plain text and {ARGON2} hashes are taken (and kept as argon2id)",
        )
    return None


async def to_keep(passwords: Passwords, values: Sequence[bytes]) -> Kept:
    """What to keep of the one value that is given. Raises Fault; Temporary when too many wait."""
    if len(values) != 1:
        raise Fault(Code.CONSTRAINT_VIOLATION, "userPassword: an account has one password")
    try:
        text = values[0].decode("utf-8")
    except UnicodeDecodeError:
        raise Fault(Code.INVALID_ATTRIBUTE_SYNTAX, "userPassword: a password is UTF-8 here") from None
    given = given_hash(text)
    return Kept(given) if given else await passwords.keep(settable(Secret(text)))


def settable(secret: Secret) -> Secret:
    """The same secret, when it can be a password at all. Raises Fault."""
    if not 0 < len(secret.reveal()) <= MAX_PASSWORD:
        raise Fault(Code.CONSTRAINT_VIOLATION, "a password has 1 to 1024 characters")
    return secret
