"""What a person proves themselves with once: NUMEN, INE, birth date, one-time code; kept as keyed hashes only.

The key is in DIR/secrets, outside the database: a stolen database lets nobody try the few thousand million
possible NUMEN. Chosen passwords are not for this module: they are argon2id.
"""

import base64
import datetime
import hashlib
import hmac
import re

from mailserver.model.clock import Clock

CODE_OCTETS = 10
"""80 bits: a one-time code that needs no slow hash."""
MAX_PROOF = 64
"""Characters of anything that claims to be a NUMEN or a code."""

_GROUPS = re.compile("....")
_MISREAD = str.maketrans({"0": "O", "1": "I", "8": "B"})
"""Base32 has no 0, 1, 8: whoever types one has read a letter."""


class Proofs:
    """Makes the keyed hashes of one instance."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """`key` is the content of DIR/secrets/hmac."""
        self._key = key

    def numen(self, text: str) -> bytes:
        """Of a NUMEN, whatever its case and spacing."""
        return self._hash("numen", _squeeze(text))

    def ine(self, text: str) -> bytes:
        """Of an INE, whatever its case and spacing."""
        return self._hash("ine", _squeeze(text))

    def birth_date(self, iso: str) -> bytes:
        """Of a date in ISO form."""
        return self._hash("birth-date", iso)

    def code(self, text: str) -> bytes:
        """Of a one-time code, as a person types it from paper."""
        return self._hash("code", _squeeze(text).translate(_MISREAD))

    def device(self, letters: str) -> bytes:
        """Of an app password."""
        return self._hash("device", letters)

    def spare(self, text: str) -> bytes:
        """Of a recovery code that stands in for the second factor, as a person types it from paper."""
        return self._hash("spare", _squeeze(text).translate(_MISREAD))

    def recovery(self, text: str) -> bytes:
        """Of the code that replaces a forgotten password, as a person types it from a message."""
        return self._hash("recovery", _squeeze(text).translate(_MISREAD))

    def confirmation(self, text: str) -> bytes:
        """Of the code that confirms a private address."""
        return self._hash("confirmation", _squeeze(text).translate(_MISREAD))

    def name(self, login: str) -> str:
        """Of an unknown login, for counting: what people type there is sometimes their password."""
        return self._hash("login", login).hex()

    def _hash(self, kind: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{kind}\0{text[:MAX_PROOF]}".encode("utf-8", "replace"), hashlib.sha256)


def new_code(clock: Clock) -> str:
    """A one-time code, `ABCD-EFGH-IJKL-MNOP`: 80 random bits."""
    letters = base64.b32encode(clock.token(CODE_OCTETS)).decode("ascii")
    return "-".join(_GROUPS.findall(letters))


def parse_date(text: str) -> str:
    """A date as ISO, from `2010-03-31`, `31/03/2010` or `31.03.2010`; empty when it is none."""
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"):
        try:
            return datetime.datetime.strptime(text.strip(), form).date().isoformat()
        except ValueError:
            continue
    return ""


def same(kept: bytes | None, given: bytes) -> bool:
    """Compare in constant time; nothing kept matches nothing."""
    return hmac.compare_digest(kept or b"", given)


def _squeeze(text: str) -> str:
    upper = text.upper()
    return upper if upper.isalnum() else "".join(character for character in upper if character.isalnum())
