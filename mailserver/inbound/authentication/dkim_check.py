"""DKIM (RFC 6376): which domains signed a message, and whether it is still what they signed. Pure: keys are
given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailserver.inbound.authentication import signatures
from mailserver.inbound.authentication.keys import BadKey, Key
from mailserver.inbound.authentication.signatures import BadSignature, Header, Signature
from mailserver.mime.body.canonical_hash import BodyHash
from mailserver.model.messages.authentication import Outcome

MAX_SIGNATURES = 8
"""Looked at, from the top; others are as good as not there."""

_NOT_ADDED = (
    *("subject", "sender", "reply-to", "to", "cc", "date", "content-type", "content-transfer-encoding"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)
"""Fields that a header has once, and that readers go by: of two they take the upper one, and a signature the lower
(RFC 6376 section 8.15)."""
_MANDATORY = (b"v", b"a", b"b", b"bh", b"d", b"h", b"s")

Keys = Mapping[str, Key | BadKey | None]
"""By name in DNS; None: nobody knows now."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What became of one signature."""

    outcome: Outcome
    domain: str = ""
    selector: str = ""
    reason: str = ""
    names: frozenset[str] = frozenset()
    """Of the fields that a valid one covers."""


def read(header: Header) -> list[Signature | Signed]:
    """The signatures that are looked at; of those that are none, what became of them."""
    found: list[Signature | Signed] = []
    for field in header.named("dkim-signature")[:MAX_SIGNATURES]:
        try:
            found.append(signatures.read(field, _MANDATORY))
        except BadSignature as error:
            found.append(Signed(Outcome.NEUTRAL, reason=str(error)))
    return found


class Bodies:
    """The hashes of a body that its signatures ask for: each form is hashed once, however many lengths are signed."""

    def __init__(self, wanted: Iterable[Signature]) -> None:
        lengths: dict[bool, list[int]] = {}
        for one in wanted:
            lengths.setdefault(one.relaxed_body, []).extend(() if one.length is None else (one.length,))
        self._hashes = {relaxed: BodyHash(relaxed=relaxed, limits=limits) for relaxed, limits in lengths.items()}

    def take(self, pieces: Iterable[bytes]) -> None:
        """Hash the body. CPU grows with its size."""
        for piece in pieces:
            for one in self._hashes.values():
                one.update(piece)
        for one in self._hashes.values():
            one.digest()

    def matches(self, signature: Signature) -> bool:
        return self._hashes[signature.relaxed_body].up_to(signature.length) == signature.body_hash

    def is_longer(self, signature: Signature) -> bool:
        """More follows than was signed."""
        size = self._hashes[signature.relaxed_body].size
        return signature.length is not None and size > signature.length


def verify(header: Header, signature: Signature, keys: Keys, bodies: Bodies) -> Signed:
    """One signature. A key or a length that proves too little is `policy` (RFC 8601 section 2.7.1)."""

    def ended(outcome: Outcome, reason: str = "") -> Signed:
        names = frozenset(signature.names) if outcome is Outcome.PASS else frozenset[str]()
        return Signed(outcome, signature.domain, signature.selector, reason, names)

    key = keys.get(signature.key_name)
    if key is None:
        return ended(Outcome.TEMPERROR, "key not found out")
    if isinstance(key, BadKey):
        return ended(Outcome.PERMERROR, str(key))
    if not bodies.matches(signature):
        return ended(Outcome.FAIL, "body changed")
    if "from" not in signature.names:
        return ended(Outcome.PERMERROR, "author not signed")
    if key.strict and not signature.is_of_domain:
        return ended(Outcome.PERMERROR, "identity below the domain")
    if not key.verifies(signature.algorithm, signature.octets, signatures.digest(header, signature)):
        return ended(Outcome.FAIL, "signature does not match")
    if key.is_small:
        return ended(Outcome.SOFTFAIL, "key too small")
    if bodies.is_longer(signature):
        return ended(Outcome.SOFTFAIL, "only the beginning is signed")
    names = signature.names
    if any(header.count(one) > max(names.count(one), 1) for one in _NOT_ADDED):
        return ended(Outcome.SOFTFAIL, "fields were added")
    return ended(Outcome.PASS)
