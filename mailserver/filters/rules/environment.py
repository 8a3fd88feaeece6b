"""What the server knows of a message and tells scripts beside its octets (RFC 5183 section 4): facts that nobody can
write into a message."""

from collections.abc import Mapping, Sequence

from mailserver.model.folding import fold_login
from mailserver.model.identity import Population
from mailserver.model.messages.provenance import Door, Provenance

AUTHOR = "vnd.mailserver.author"
"""`inside` where somebody of the academy surely wrote, `outside` of everybody else."""
ATTACHED = "vnd.mailserver.attached"
"""`yes` where it carries files, as the lists of messages count them; else `no`."""
SENDER = "vnd.mailserver.sender"
"""The population of whoever has logged in to send it; `outside` of everybody else."""
INSIDE = "inside"
OUTSIDE = "outside"

_OURS = (Door.SUBMISSION, Door.SERVICE, Door.KEPT)


def items(
    provenance: Provenance, sender: Population, author: str, attachments: int, domains: Sequence[str]
) -> Mapping[str, str]:
    """Those of one message. `author`: the address it names."""
    written = INSIDE if is_inside(provenance, author, domains) else OUTSIDE
    return {AUTHOR: written, SENDER: sender.value, ATTACHED: "yes" if attachments else "no"}


def is_inside(provenance: Provenance, author: str, domains: Sequence[str]) -> bool:
    """Whether somebody of the academy wrote: they had logged in, or our own domain stood behind the message."""
    if provenance.door in _OURS:
        return True
    names_us = fold_login(author).rpartition("@")[2] in {domain.lower() for domain in domains}
    return names_us and (provenance.door is Door.RESENT or provenance.results.authenticated)
