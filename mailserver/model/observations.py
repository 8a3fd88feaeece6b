"""What was found out about a message and done with it, counted for the reports that its author's domain gets."""

import json
from dataclasses import astuple, dataclass

Signature = tuple[str, str, str]
"""Domain, selector, result."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A message of which the author's domain wants to hear; nothing of its recipients."""

    domain: str
    """Whose policy applied."""
    published: tuple[tuple[str, str], ...]
    """That policy, tag by tag."""
    source: str
    author: str
    envelope: str
    dkim: bool
    """A valid signature of the author's domain."""
    spf: bool
    signatures: tuple[Signature, ...]
    sender: tuple[str, str, str]
    """Of SPF: domain, `mfrom` or `helo`, result."""
    disposition: str
    """As the policy wants it, then what was done."""
    reason: str = ""
    """Why that is not what the policy asks (RFC 7489 appendix C, PolicyOverrideType)."""


def written(one: Observed) -> str:
    """As the store keeps it: ASCII."""
    return json.dumps(astuple(one), separators=(",", ":"))


def read(text: str) -> Observed:
    """What `written` has written."""
    domain, published, source, author, envelope, dkim, spf, signatures, sender, disposition, reason = json.loads(text)
    policy = tuple((str(name), str(value)) for name, value in published)
    signed = tuple((str(one), str(selector), str(result)) for one, selector, result in signatures)
    of, scope, result = sender
    return Observed(
        domain, policy, source, author, envelope, dkim, spf, signed, (of, scope, result), disposition, reason
    )
