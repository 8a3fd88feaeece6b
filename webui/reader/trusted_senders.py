"""A person's word that the messages of a sender are safe: what it settles, where it is given and taken back.

It is a row that the server wrote for one account, and holds for what may be taken as that sender's
(`badges.is_credible`), in one's own mail alone. It never settles that a sender, or a link, is made to be taken for
another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.mime import unpack
from mailserver.model.errors import Reason, Refused
from mailserver.store.mail import known_senders
from mailserver.store.web.webmail import Stored
from webui.page.context import Services, Visit
from webui.reader import message_parts
from webui.reader.flash_texts import back
from webui.reader.trust import badges, cautions, imitations
from webui.reader.trust.cautions import Finding


@dataclass(frozen=True, slots=True)
class Trust:
    """Where a reader stands with the sender of a message."""

    given: bool
    credible: bool
    """It may be taken as the sender's, and lies in one's own mail."""

    def is_offered(self, noticed: Sequence[Finding]) -> bool:
        """The reader's word would settle all that was noticed."""
        return self.credible and not self.given and cautions.is_settled_by_trust(noticed)

    def settles(self, noticed: Sequence[Finding]) -> bool:
        """It does: nothing of it is said."""
        return self.credible and self.given and cautions.is_settled_by_trust(noticed)


def of(services: Services, visit: Visit, found: Stored, *, given: bool, foreign: bool) -> Trust:
    """What is known before anything of a message is noticed."""
    credible = badges.is_credible(found.provenance, found.sender_address, services.settings.domains, visit.account_id)
    return Trust(given and not foreign, credible and bool(found.sender_address) and not foreign)


async def choose(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/confiance: this sender's messages are safe, or not any more.

    Raises Refused(FORBIDDEN) where the sender may be somebody else, whatever the form says.
    """
    found, octets = await message_parts.load(services, visit, upto=message_parts.TEXT_OCTETS)
    gives = visit.form.text("faire") == "sur"
    await imitations.ready()
    if gives and not _may_be_trusted(services, visit, found, octets):
        raise Refused(Reason.FORBIDDEN)
    if gives:
        await services.filters.rules.trust(visit.account_id, found.sender_address, visit.origin)
    else:
        await services.store.write(known_senders.distrust, visit.account_id, found.sender_address)
    shown = {"forme": 1} if visit.query("forme") == "1" else {}
    return back(visit, found.id, found.box.id, "sur" if gives else "plus-sur", **shown)


def _may_be_trusted(services: Services, visit: Visit, found: Stored, octets: bytes) -> bool:
    noticed = imitations.findings(imitations.read(octets, unpack(found.parts), found.provenance, services.settings))
    credible = of(services, visit, found, given=False, foreign=False).credible
    return credible and (not noticed or cautions.is_settled_by_trust(noticed))
