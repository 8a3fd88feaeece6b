"""Whom a message is from, and what a careful reader would notice: its header read once, and judged with its text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailserver.foundation.settings import Settings
from mailserver.mime import Part
from mailserver.mime.writing import replies
from mailserver.store.mail.known_senders import Acquaintance
from mailserver.store.web.webmail import Stored
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import DRAFTS, JUNK, SENT
from webui.reader import message_parts
from webui.reader.content.shown_text import ShownText
from webui.reader.requests import unsubscribe
from webui.reader.trust import badges, cautions, imitations, links
from webui.reader.trust.badges import Badge
from webui.reader.trust.cautions import Evidence, Finding
from webui.reader.trusted_senders import Trust

LINK_WORK = 16
"""Octets of a text that take as long to read as one of a link's address takes to be compared with ours."""


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What the header tells."""

    letterhead: message_parts.Letterhead
    origin: badges.Origin
    sender: imitations.Sender
    reply: replies.Answer
    leaving: unsubscribe.Way | None


def read(octets: bytes, root: Part, found: Stored, settings: Settings, owns: Callable[[str], bool]) -> HeaderFacts:
    """Read the header: pure, and long where it is."""
    origin = badges.origin(octets, root, found.sender_address, settings.domains, found.provenance)
    own_list = origin.list_address if origin.provenance.through_list else ""
    return HeaderFacts(
        message_parts.letterhead(octets, root, found),
        origin,
        imitations.read(octets, root, found.provenance, settings, own_list),
        replies.reply(octets, root, owns),
        unsubscribe.way(octets, root, unsubscribe.own_names(settings), unsubscribe.may_click(found))
        if found.box.special_use not in (SENT, DRAFTS)
        else None,
    )


def noticed(
    visit: Visit, found: Stored, root: Part, text: ShownText, header: HeaderFacts, *, newsletter: bool
) -> Sequence[Finding]:
    """What a careful reader would notice; nothing about what one has written oneself. `newsletter`: it is one that is
    known, whose links lead elsewhere."""
    if found.box.special_use in (SENT, DRAFTS):
        return ()
    origin = header.origin
    evidence = Evidence(
        text=text.text,
        hosts=cautions.hosts(text.links),
        files=cautions.attached(root.attachments()),
    )
    ours = header.sender.protected.domains
    lies = links.findings(text.lies, ours, newsletter=newsletter)
    found_out = cautions.findings(evidence, [*imitations.findings(header.sender), *lies], ours)
    if origin.is_suspect(visit.account_id):
        found_out.insert(0, Finding("non-verifie", grave=True))
    if found.box.special_use == JUNK:
        found_out.append(Finding("indesirable"))
    return found_out


def caution(services: Services, visit: Visit, findings: Sequence[Finding], trusting: Trust) -> cautions.Caution | None:
    """The one notice for all that was noticed; none where the reader's word for the sender settles it."""
    if trusting.settles(findings):
        return None
    found = cautions.caution(findings, services.settings.domains, visit._)
    return replace(found, settled=trusting.is_offered(findings)) if found is not None else None


def badges_of(visit: Visit, found: Stored, origin: badges.Origin, known: Acquaintance) -> list[Badge]:
    """What may be believed of where a message comes from; nothing about what one has written oneself."""
    if found.box.special_use in (SENT, DRAFTS) or visit.principal.owns(found.sender_address):
        return []
    return badges.badges(origin, known.first_time, visit.account_id, visit._)
