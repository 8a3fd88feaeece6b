"""Where a message comes from, in words: by the door that took it, which the store knows
(`mailserver.model.messages.provenance`).

The header proves nothing: whoever may put a message into a mailbox may write any trace field. What it says of a list
is shown as a list's of ours only where one of ours sent it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.mime import Part
from mailserver.mime.header import headers
from mailserver.mime.header.addresses import MAX_READ
from mailserver.model.folding import fold_login
from mailserver.model.messages.authentication import Alignment
from mailserver.model.messages.provenance import Door, Provenance
from webui.page.words import plain

_ANGLE = re.compile(r"<([^<>]*)>")
_QUOTED, _QUOTED_PAIR = re.compile(r'"(?:[^"\\]++|\\.)*+"'), re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of where a message comes from."""

    provenance: Provenance
    internal: bool
    """Its author's address is of the academy."""
    list_name: str
    """What the header calls the list; of a list of ours, only if that list sent it."""
    list_address: str
    resent_by: str = ""
    """Whoever of ours passed it on as it is."""

    @property
    def verified(self) -> bool:
        """Somebody logged in to send it, so the address is theirs."""
        return self.internal and self.provenance.verified

    @property
    def claimed(self) -> bool:
        """It says it is from the academy, and is known not to have been sent by whoever it names."""
        doors = (Door.SMTP, Door.LMTP, Door.RESENT, Door.APPENDED)
        return self.internal and self.provenance.door in doors and not self.provenance.results.authenticated

    def is_put_by_other(self, reader: int) -> bool:
        """Somebody else than this account put it into the mailbox: it never came by mail."""
        return self.provenance.door is Door.APPENDED and self.provenance.account_id != reader

    def is_suspect(self, reader: int) -> bool:
        """It claims an address of the academy, and neither this reader nor a colleague named here brought it."""
        if self.provenance.door is Door.APPENDED:
            return self.internal and self.is_put_by_other(reader)
        return self.claimed and self.provenance.door is not Door.RESENT


def is_credible(provenance: Provenance, sender: str, domains: Sequence[str], reader: int) -> bool:
    """Whether a message may be taken as its author's by this reader's account.

    An address of the academy is believed of what was sent after a login, or where our own DNS stood behind it; one
    outside unless its domain is known not to have sent this; and nothing that somebody else put into the mailbox.
    """
    if provenance.door is Door.APPENDED:
        return provenance.account_id == reader
    if provenance.verified or provenance.door is Door.SERVICE or provenance.results.authenticated:
        return True
    results = provenance.results
    unsure = results.suspect or results.dmarc is Alignment.TEMPERROR  # which whoever writes may have brought about
    return not is_internal(sender, domains) and not unsure


def is_authenticated(provenance: Provenance) -> bool:
    """Whether the author's domain stood behind a message, as far as anybody looked."""
    return provenance.results.authenticated or not provenance.results.checked


def is_internal(sender: str, domains: Sequence[str]) -> bool:
    """Whether an address is of the academy."""
    return fold_login(sender).rpartition("@")[2] in {domain.lower() for domain in domains}


@dataclass(frozen=True, slots=True)
class Badge:
    """A word beside the sender."""

    kind: str
    """`bon`, `neutre` or `attention`."""
    text: str
    title: str
    way: bool = False
    """It says how the message came, not whom to believe."""


def origin(octets: bytes, message: Part, sender: str, domains: Sequence[str], provenance: Provenance) -> Origin:
    """Read what a message's header says of lists, beside what is known."""
    found: dict[str, str] = {}
    for one in headers.named(octets, message.start, message.body, "list-id", "list-post"):
        if one.name not in found:
            found[one.name] = headers.as_text(octets[one.value : one.end])[:MAX_READ]
    ours = {domain.lower() for domain in domains}
    post = _ANGLE.search(found.get("list-post", ""))
    name, identifier = _list_name(headers.decode_words(found.get("list-id", "")))
    address = post.group(1).removeprefix("mailto:").partition("?")[0] if post else ""
    claims = (address.rpartition("@")[2].lower(), identifier.lower())
    believed = provenance.through_list or not any(_names(claim, domain) for claim in claims for domain in ours)
    return Origin(
        provenance,
        is_internal(sender, domains),
        plain.line(name or identifier, 80) if believed else "",
        address if believed else "",
    )


def _names(claim: str, domain: str) -> bool:
    return claim == domain or claim.endswith(f".{domain}")


def _list_name(value: str) -> tuple[str, str]:
    """The description and the identifier of a List-Id (RFC 2919 section 2)."""
    found = _ANGLE.search(value)
    words = value[: found.start()].strip() if found else value.strip()
    if found:
        words = _QUOTED_PAIR.sub(r"\1", words[1:-1]) if _QUOTED.fullmatch(words) else words.strip(' "\t')
    return words, found.group(1).strip() if found else words


def badges(origin: Origin, first_time: bool, reader: int, _: Callable[[str], str]) -> list[Badge]:
    """Everything that is to be said of where a message comes from, to the reader with this account: what may be
    believed first (`seal`), then by what way it came."""
    shown = []
    if origin.verified:
        shown.append(Badge("bon", _("interne vérifié"), _("Envoyé depuis un compte de l’académie, après connexion.")))
    elif origin.internal and origin.provenance.door is Door.SERVICE:
        shown.append(Badge("bon", _("service"), _("Écrit par le service de messagerie.")))
    elif origin.claimed:
        shown.append(
            Badge("attention", _("interne non vérifié"), _("L’adresse est de l’académie, l’envoi ne l’est pas."))
        )
    elif origin.internal and origin.provenance.results.authenticated:
        shown.append(
            Badge("neutre", _("interne, autre serveur"), _("Vient d’un autre serveur ; notre domaine le confirme."))
        )
    elif not origin.internal:
        shown.append(_outside(origin.provenance, _))
    if first_time and not origin.verified:
        shown.append(Badge("attention", _("première fois"), _("Vous n’aviez aucun message de cette adresse.")))
    if origin.is_put_by_other(reader):
        shown.append(
            Badge("attention", _("déposé"), _("Mis dans ce dossier par quelqu’un : ce n’est pas un message reçu."))
        )
    if origin.list_name:
        shown.append(
            Badge("neutre", _("liste : %(name)s") % {"name": origin.list_name}, _("Diffusé par une liste."), True)
        )
    if origin.resent_by:
        shown.append(
            Badge("neutre", _("redirigé par %(who)s") % {"who": origin.resent_by}, _("Transmis tel quel."), True)
        )
    return shown


def _outside(provenance: Provenance, _: Callable[[str], str]) -> Badge:
    """What is said of an address elsewhere."""
    if provenance.results.suspect:
        return Badge(
            "attention",
            _("externe non vérifié"),
            _("Rien ne prouve que ce message vient du domaine de son expéditeur."),
        )
    if provenance.results.authenticated:
        return Badge(
            "neutre",
            _("externe"),
            _("Vient d’une adresse hors de l’académie ; son domaine confirme l’avoir envoyé."),
        )
    return Badge("neutre", _("externe"), _("Vient d’une adresse hors de l’académie."))


def seal(shown: Sequence[Badge]) -> Badge | None:
    """What may be believed of the sender, as one badge: the ways that a message went stand elsewhere."""
    said = [one for one in shown if not one.way]
    if not said:
        return next(iter(shown), None)
    kind = next((kind for kind in ("attention", "neutre") if any(one.kind == kind for one in said)), "bon")
    return Badge(kind, ", ".join(one.text for one in said), " ".join(one.title for one in said))
