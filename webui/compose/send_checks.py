"""What a colleague would ask before a letter leaves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mime.writing.compose import Attachment
from mailserver.mime.writing.replies import correspondents
from mailserver.model.errors import Refused
from mailserver.model.identity import ListKind
from webui.compose import message_form, sources
from webui.compose.message_form import Letter
from webui.compose.recipients import Field
from webui.page.context import Services, Visit

MANY_RECIPIENTS = 10
"""Personal addresses that everybody would see: above this the page asks."""
_ANNOUNCED = re.compile(
    r"ci[- ]?joint|pi[eè]ces?[- ]jointes?|(?:document|fichier)s?[- ]joints?|ci[- ]annex|en annexe|trouverez joint"
    r"|je (?:vous |te )?joins|attached|enclosed|attachment",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Doubts:
    """The questions, and whether many would see each other's addresses."""

    sentences: tuple[str, ...] = ()
    many: bool = False


async def doubts(
    services: Services, visit: Visit, letter: Letter, fields: dict[str, Field], attachments: Sequence[Attachment]
) -> Doubts:
    """What is to be asked about a letter whose recipients are known. Raises Temporary."""
    _ = visit._
    found = []
    if not letter.subject:
        found.append(_("Votre message n’a pas d’objet."))
    if not attachments and announces(letter):
        found.append(_("Votre message annonce une pièce jointe, mais il n’y en a pas."))
    visible = [person.address for name in ("a", "cc") for person in fields[name].people]
    hidden = fields["cci"].people
    listed = [one for one in visible if await _is_list(services, one)]
    personal = len(visible) - len(listed)
    many = personal > MANY_RECIPIENTS and not letter.apart
    if many:
        found.append(_("%(n)s destinataires verront l’adresse de tous les autres.") % {"n": personal})
    if hidden and not visible and not letter.apart:
        found.append(
            _("Tous les destinataires sont en copie cachée : ils verront un message sans destinataire visible.")
        )
    if letter.answers:
        found += [_("Votre réponse part à toute la liste %(list)s.") % {"list": one} for one in listed]
        found += await _strangers(services, visit, letter, [*visible, *(one.address for one in hidden)])
    return Doubts(tuple(found), many)


def announces(letter: Letter) -> bool:
    """Whether the person's own words, not what they quote, speak of something attached."""
    text = message_form.plain(letter.html) if letter.html else letter.text
    own = text.partition("\n-- \n")[0]
    return any(_ANNOUNCED.search(line) for line in own.split("\n") if not line.startswith(">"))


def is_ours(services: Services, address: str) -> bool:
    """True for an address of this service."""
    return address.rpartition("@")[2].casefold() in {domain.casefold() for domain in services.settings.domains}


async def _is_list(services: Services, address: str) -> bool:
    if not is_ours(services, address):
        return False
    rosters = await services.directory.rosters(address)
    return bool(rosters) and rosters[0].kind is not ListKind.FUNCTION


async def _strangers(services: Services, visit: Visit, letter: Letter, addresses: Sequence[str]) -> list[str]:
    """People elsewhere who get an answer within a conversation that was the academy's own."""
    outside = [address for address in addresses if not is_ours(services, address)]
    if not outside:
        return []
    try:
        source = await sources.message(services, visit, letter.answers, letter.box, upto=0)
    except Refused:
        return []
    octets, root = source.octets, source.root
    before = [
        correspondent.address for name in ("From", "To", "Cc") for correspondent in correspondents(octets, root, name)
    ]
    if not before or not all(is_ours(services, address) for address in before):
        return []
    shown = ", ".join(outside[:5])
    return [
        visit._("Cette conversation était interne ; votre réponse part aussi à l’extérieur : %(addresses)s.")
        % {"addresses": shown}
    ]
