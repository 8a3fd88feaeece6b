"""Whom the sender of a message looks like: what was kept when it came, else what its header says now.

Of mail from before this was kept, and of what somebody put into a mailbox, nothing was kept: the header is judged
then, whose few fields are read for the page anyway.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mailserver.foundation.settings import Settings
from mailserver.inbound.impersonation import domains, letters, sender
from mailserver.inbound.impersonation.sender import Author, Claim, ProtectedNames
from mailserver.mime import Part
from mailserver.model.messages.impersonation import Signs
from mailserver.model.messages.provenance import Provenance
from mailserver.model.unicode import hides_within_word
from webui.page.words import plain
from webui.reader.trust.cautions import Finding

_NOBODY = Author("", "")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a message says it is from, and what is wrong with that."""

    claim: Claim
    signs: Signs
    protected: ProtectedNames


async def ready() -> None:
    """What `read` needs is in memory."""
    if not sender.is_prepared():
        await asyncio.to_thread(sender.prepare)


def read(octets: bytes, root: Part, provenance: Provenance, settings: Settings, list_address: str = "") -> Sender:
    """From the header and what was kept. `list_address`: that of the list of ours that sent it; answers that go there
    are no surprise."""
    claim = sender.read(octets[root.start : root.body])
    protected = sender.protected_by(settings)
    if provenance.signs.judged:
        return Sender(claim, provenance.signs, protected)
    others = [one for one in claim.answers if one.casefold() != list_address.casefold()]
    judged = claim if len(others) == len(claim.answers) else replace(claim, answers=())
    return Sender(claim, sender.judge(judged, protected, provenance.results), protected)


def findings(found: Sender) -> list[Finding]:
    """What is noticed of who wrote, the gravest first."""
    return list(_findings(found))


def _findings(found: Sender) -> Iterator[Finding]:
    claim, signs, protected = found.claim, found.signs, found.protected
    author = claim.authors[0] if claim.authors else _NOBODY
    name, address = plain.line(author.name, 100), plain.line(author.address, 320)
    if Signs.DOMAIN in signs:
        alike = next((one for one in claim.authors if sender.imitated(one.address, protected)), author)
        shown = alike.address if alike.domain in domains.PROVIDERS else domains.readable(alike.domain)
        yield Finding("domaine", plain.line(shown, 320), sender.imitated(alike.address, protected) or "…", grave=True)
    if Signs.ALPHABETS in signs:
        mixed = next((one.domain for one in claim.authors if domains.borrows_alphabets(one.domain)), author.domain)
        yield Finding("alphabets", domains.readable(mixed), mixed, grave=True)
    if Signs.SERVICE in signs:
        yield Finding("nom-service", name, address, grave=True)
    if Signs.HEAD in signs:
        yield Finding("nom-responsable", name, address, grave=True)
    if Signs.ADDRESS_IN_NAME in signs or Signs.OTHER_ADDRESS in signs:
        named = next((one for one in claim.authors if sender.named_address(one.name)), author)
        grave = Signs.ADDRESS_IN_NAME in signs
        kind = "nom-adresse" if grave else "nom-autre"
        yield Finding(kind, sender.named_address(named.name), plain.line(named.address, 320), grave=grave)
    answers = plain.line(sender.answers_elsewhere(claim) or next(iter(claim.answers), ""), 320)
    if Signs.ANSWERS_ALIKE in signs:
        yield Finding("reponse-imitee", answers, grave=True)
    if Signs.COLLEAGUE in signs and Signs.HEAD not in signs:
        yield Finding("nom-collegue", name, address)
    if Signs.DESK in signs:
        yield Finding("nom-bureau", name, address)
    if Signs.MIXED_NAME in signs:
        mixed_name = next((one.name for one in claim.authors if letters.mixes_alphabets(one.name)), author.name)
        yield Finding("nom-mele", plain.line(mixed_name, 100), address)
    if Signs.HIDDEN in signs:
        hiding = next((one.name for one in claim.authors if hides_within_word(one.name)), author.name)
        yield Finding("nom-invisible", plain.line(hiding, 100), address)
    if Signs.ANSWERS in signs:
        yield Finding("reponse", answers)
