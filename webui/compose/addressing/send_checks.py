"""What a colleague would ask before a letter leaves."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.delivery.mailing_reach import Size
from mailserver.mime.writing.compose import Attachment
from mailserver.mime.writing.replies import correspondents
from mailserver.model.errors import Refused
from mailserver.model.identity import ListKind
from mailserver.outbound.submission.routing import Route
from webui.compose.addressing import recipient_remedies
from webui.compose.addressing.near_misses import near_misses
from webui.compose.addressing.recipients import Field
from webui.compose.message import message_form, sources
from webui.compose.message.message_form import Letter
from webui.page.context import Services, Visit
from webui.page.words.crowds import Crowd, crowd

MANY_RECIPIENTS = 10
"""Personal addresses that everybody would see: above this the page asks."""
LARGE = 50
"""People, of a list or of the letter: above this the number is said."""
MANY = "many"
_ANNOUNCED = re.compile(
    r"ci[- ]?joint|pi[eè]ces?[- ]jointes?|(?:document|fichier)s?[- ]joints?|ci[- ]annex|en annexe|trouverez joint"
    r"|je (?:vous |te )?joins|attached|enclosed|attachment",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """One question."""

    code: str
    """By which a form says that it was asked already."""
    sentence: str
    field: str = "a"
    """The field of the form where it is put right."""
    remedy: str = ""
    """What a button does that puts it right (`recipient_remedies`); empty: there is none."""
    label: str = ""
    """What that button says."""


@dataclass(frozen=True, slots=True)
class Doubts:
    """Everything that is to be asked, at once."""

    those: tuple[Doubt, ...] = ()
    crowd: Crowd | None = None
    """Whom it goes to, where it is a mailing."""

    @property
    def many(self) -> bool:
        """Many would see each other's addresses."""
        return any(one.code.startswith(f"{MANY} ") for one in self.those)

    def unless(self, asked: str) -> "Doubts":
        """Those whose codes are not in `asked`, between commas."""
        codes = asked.split(",")
        return Doubts(tuple(one for one in self.those if one.code not in codes), self.crowd)


async def doubts(
    services: Services, visit: Visit, letter: Letter, fields: dict[str, Field], attachments: Sequence[Attachment]
) -> Doubts:
    """What is to be asked about a letter, of the recipients those that are known. Raises Temporary."""
    _ = visit._
    found = []
    if not letter.subject:
        found.append(Doubt("subject", _("Votre message n’a pas d’objet."), "objet"))
    if not attachments and announces(letter):
        text = _("Votre message annonce une pièce jointe, mais il n’y en a pas.")
        found.append(Doubt("attachment", text, "piece"))
    visible = [person.address for name in ("a", "cc") for person in fields[name].people]
    hidden = [person.address for person in fields["cci"].people]
    lists = {address: count for address in (*visible, *hidden) if (count := await _members(services, address))}
    personal = [address for address in visible if address not in lists]
    if len(personal) > MANY_RECIPIENTS and not letter.apart:
        text = _("%(n)s destinataires verront l’adresse de tous les autres.") % {"n": len(personal)}
        found.append(Doubt(_about(MANY, personal), text))
    if hidden and not visible and not letter.apart:
        text = _("Tous les destinataires sont en copie cachée : ils verront un message sans destinataire visible.")
        found.append(Doubt("hidden", text))
    found += _crowds(visit, letter, lists, [*visible, *hidden])
    found += await _mistyped(services, visit, [*visible, *hidden])
    if letter.answers and services.settings.guards.reply_all:
        found += _everybody(visit, visible, services.settings.guards.reply_all)
    if letter.answers:
        found += await _strangers(services, visit, letter, [*visible, *hidden])
    seen = None if letter.apart else await _mailing(services, visit, [*visible, *hidden])
    if letter.alert:
        found += await _alert(services, visit, letter, is_mailing=seen is not None)
    if seen is not None:
        found.append(seen[0])
    return Doubts(tuple(found), seen[1] if seen is not None else None)


async def _alert(services: Services, visit: Visit, letter: Letter, *, is_mailing: bool) -> list[Doubt]:
    """Why nobody would be told at once of a letter that asks for it."""
    left = await services.submission.urgent.left(visit.principal)
    if left is None:
        text = visit._("Vous ne pouvez pas prévenir pendant les heures de repos : ce message part comme les autres.")
    elif not left:
        text = visit._("Vous avez envoyé assez de messages urgents aujourd’hui : celui-ci part comme les autres.")
    elif is_mailing:
        text = visit._("Un envoi en nombre ne prévient pas pendant les heures de repos.")
    elif letter.apart and not _fits(letter, left):
        text = visit._("Un exemplaire par destinataire : les %(n)s premiers seuls seront prévenus aussitôt.") % {
            "n": left
        }
    else:
        return []
    return [Doubt("alert", text)]


def _fits(letter: Letter, left: int) -> bool:
    """Whether each copy of a letter that leaves one by one is one of those that are left."""
    return len(message_form.addressees(letter.recipients)) <= left


async def mailing(services: Services, visit: Visit, addresses: Sequence[str]) -> tuple[Size, Route] | None:
    """How many a letter reaches, where that makes it a mailing. Raises Temporary."""
    intake = services.submission.intake
    try:
        route = await services.submission.routing.route(visit.principal, addresses)
    except Refused:  # what is wrong is told when it leaves
        return None
    size = await intake.size(visit.principal, route)
    return (size, route) if size is not None else None


async def _mailing(services: Services, visit: Visit, addresses: Sequence[str]) -> tuple[Doubt, Crowd] | None:
    found = await mailing(services, visit, addresses)
    if found is None:
        return None
    size, route = found
    text = visit._("C’est un envoi en nombre : %(count)s.") % {"count": _count(visit, size.people)}
    if size.approval:
        text += " " + visit._("Il partira quand une deuxième personne l’aura approuvé.")
    reach = await services.submission.intake.preview(visit.principal, size, route)
    return Doubt(_about("mailing", addresses), text), crowd(visit, reach, len(size.accounts), size.outside)


def _about(code: str, addresses: Sequence[str]) -> str:
    """The code of a question about these: when others are added it is another question."""
    those = "\n".join(sorted({address.casefold() for address in addresses}))
    return f"{code} {hashlib.sha256(those.encode()).hexdigest()[:16]}"


def _crowds(visit: Visit, letter: Letter, lists: dict[str, int], addresses: Sequence[str]) -> list[Doubt]:
    """Lists that are large or answered to as a whole, and a letter to very many."""
    _, found = visit._, []
    for address, members in lists.items():
        count = _count(visit, members)
        if letter.answers:
            text = _("Votre réponse part à toute la liste %(list)s : %(count)s.")
        elif members > LARGE:
            text = _("Votre message part à toute la liste %(list)s : %(count)s.")
        else:
            continue
        found.append(Doubt(f"list {address}", text % {"list": address, "count": count}))
    if len(addresses) > LARGE:
        text = _("Votre message part à %(count)s.") % {"count": _count(visit, len(addresses))}
        found.append(Doubt(_about("crowd", addresses), text))
    return found


def _count(visit: Visit, n: int) -> str:
    text = visit.language.texts.ngettext("%(n)s destinataire", "%(n)s destinataires", n)
    return text % {"n": visit.language.number(n)}


async def _mistyped(services: Services, visit: Visit, addresses: Sequence[str]) -> list[Doubt]:
    text, label = visit._("%(typed)s : vouliez-vous dire %(meant)s ?"), visit._("Écrire à %(meant)s")
    found = await near_misses(services.suggestions, visit.principal, addresses, services.settings.domains)
    return [
        Doubt(
            f"near {typed}",
            text % {"typed": typed, "meant": meant},
            remedy=recipient_remedies.replacing(typed, meant),
            label=label % {"meant": meant},
        )
        for typed, meant in found
    ]


def _everybody(visit: Visit, visible: Sequence[str], most: int) -> list[Doubt]:
    """An answer to more people than it is perhaps meant for; the first one is whom it answers."""
    if len(visible) <= most:
        return []
    text = visit._("Votre réponse part à %(n)s personnes, et pas à %(first)s seulement.")
    values = {"n": visit.language.number(len(visible)), "first": visible[0]}
    label = visit._("Répondre seulement à %(first)s") % values
    remedy = recipient_remedies.alone(visible[0])
    return [Doubt(_about("everybody", visible), text % values, remedy=remedy, label=label)]


def announces(letter: Letter) -> bool:
    """Whether the person's own words, not what they quote, speak of something attached."""
    text = message_form.plain(letter.html) if letter.html else letter.text
    own = text.partition("\n-- \n")[0]
    return any(_ANNOUNCED.search(line) for line in own.split("\n") if not line.startswith(">"))


def is_ours(services: Services, address: str) -> bool:
    """True for an address of this service."""
    return address.rpartition("@")[2].casefold() in {domain.casefold() for domain in services.settings.domains}


async def _members(services: Services, address: str) -> int:
    """How many a list reaches, the lists within it included; 0: it is no list."""
    if not is_ours(services, address):
        return 0
    rosters = await services.directory.rosters(address)
    if not rosters or rosters[0].kind is ListKind.FUNCTION:
        return 0
    accounts = {account for roster in rosters for account in roster.accounts}
    others = {other.casefold() for roster in rosters for other in roster.others}
    return max(1, len(accounts) + len(others))


async def _strangers(services: Services, visit: Visit, letter: Letter, addresses: Sequence[str]) -> list[Doubt]:
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
    text = visit._("Cette conversation était interne ; votre réponse part aussi à l’extérieur : %(addresses)s.")
    return [Doubt(_about("outside", outside), text % {"addresses": ", ".join(outside[:5])})]
