"""ARC seals (RFC 8617) on what is passed on: what our door found out about a message stays provable behind us. No I/O.

Whoever gets it next sees by our seal that the author's signature held when it came, though the way here, or a list's
changes, breaks what it would check itself.
"""

from collections.abc import Sequence

from mailserver.inbound.authentication.arc_check import MAX_SETS, ArcSet
from mailserver.inbound.authentication.signatures import Field, Header, relaxed
from mailserver.mime.body.canonical_hash import base64_hash
from mailserver.model.messages.authentication import Chain
from mailserver.outbound.submission.signatures.dkim import CannotSign, Signer, body_start, header_end, signed_names

_SIGNED_BEFORE = "dkim-signature"
"""What its author's domain said belongs to what is sealed (RFC 8617 section 4.1.2)."""
MAX_SIGNED_BEFORE = 8


def seal(
    signer: Signer, octets: bytes, results: str, sets: Sequence[ArcSet], chain: Chain, domain: str, now: int
) -> bytes:
    """The three fields of our set with their line ends, to be put on top.

    `results`: what Authentication-Results says, our name first; `sets` of those before us, and what became of their
    `chain`. CPU grows with the size. Raises CannotSign.
    """
    number = len(sets) + 1
    if number > MAX_SETS:
        raise CannotSign("as many sets as a chain may have")
    end = header_end(octets)
    header = Header(octets[:end])
    d, i = domain.encode("idna").decode("ascii"), ("i", str(number))
    told = f"ARC-Authentication-Results: i={number}; {results}\r\n".encode("ascii", "replace")
    names = [*[_SIGNED_BEFORE] * min(MAX_SIGNED_BEFORE, len(header.named(_SIGNED_BEFORE))), *signed_names(header)]
    body_hash = base64_hash(octets, body_start(octets, end)).decode("ascii")
    of_message = (
        *(i, ("a", signer.algorithm.value), ("c", "relaxed/relaxed"), ("d", d), ("s", signer.selector)),
        *(("t", str(now)), ("h", ":".join(names)), ("bh", body_hash)),
    )
    message = signer.field("ARC-Message-Signature", of_message, [relaxed(one) for one in header.chosen(names)])
    validity = {Chain.PASS: "pass", Chain.NONE: "none"}.get(chain, "fail")
    # A chain that does not hold is not sealed again, only that it did not (section 5.1.2).
    before = sets if chain is Chain.PASS else ()
    over = [relaxed(one) for each in before for one in (each.results, each.message.field, each.seal.field)]
    over += [relaxed(_field(told)), relaxed(_field(message))]
    of_seal = (
        *(i, ("a", signer.algorithm.value), ("t", str(now)), ("cv", validity)),
        *(("d", d), ("s", signer.selector)),
    )
    return b"".join((signer.field("ARC-Seal", of_seal, over), message, told))


def _field(octets: bytes) -> Field:
    name, _, value = octets.partition(b":")
    return Field(name, value)
