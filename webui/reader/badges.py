"""Where a message comes from, as far as we know it ourselves: from the trace our own door wrote on top of it.

Everything below the first trace field is the sender's to write, so it proves nothing.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.folding import fold_login
from mailserver.mime import Part, headers
from mailserver.mime.addresses import MAX_READ, parse, people
from webui import plain

_DOOR = re.compile(r"(?:^|\s)by ([^\s;()]+)\s+with ([A-Z0-9]+)\s", re.IGNORECASE)
"""Who took it, and how, in a trace field (RFC 5321 section 4.4). Not the `with` of a comment about TLS before it."""
_ANGLE = re.compile(r"<([^<>]*)>")
_AUTHENTICATED = frozenset({"HTTP", "ESMTPA", "ESMTPSA", "UTF8SMTPA", "UTF8SMTPSA"})
"""Protocols of our own doors for people who have logged in (RFC 3848); HTTP is the web's."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of where a message comes from."""

    internal: bool
    """Its author's address is of the academy."""
    verified: bool
    """Somebody logged in to send it, so the address is theirs."""
    traced: bool
    """It came through a door; a copy of what one wrote oneself did not."""
    list_name: str
    list_address: str
    resent_by: str


@dataclass(frozen=True, slots=True)
class Badge:
    """A word beside the sender."""

    kind: str
    """`bon`, `neutre` or `attention`."""
    text: str
    title: str


def origin(octets: bytes, message: Part, sender: str, domains: Sequence[str], name: str) -> Origin:
    """Read a message's header. `name`: what our own doors call themselves in trace fields."""
    found: dict[str, str] = {}
    for one in headers.named(octets, message.start, message.body, "received", "list-id", "list-post", "resent-from"):
        if one.name not in found:
            found[one.name] = headers.as_text(octets[one.value : one.end])[:MAX_READ]
    trace = found.get("received", "")
    door = _DOOR.search(trace)
    ours = door is not None and door[1].lower() == name.lower() and door[2].upper() in _AUTHENTICATED
    verified = ours and "resent-from" not in found
    internal = fold_login(sender).rpartition("@")[2] in {domain.lower() for domain in domains}
    resent = people(parse(found.get("resent-from", "")))
    post = _ANGLE.search(found.get("list-post", ""))
    return Origin(
        internal,
        internal and verified,
        bool(trace),
        plain.line(_list_name(headers.decode_words(found.get("list-id", ""))), 80),
        post.group(1).removeprefix("mailto:").partition("?")[0] if post else "",
        plain.line(resent[0].address, 200) if resent else "",
    )


def _list_name(value: str) -> str:
    """The description of a List-Id (RFC 2919 section 2), else its identifier."""
    found = _ANGLE.search(value)
    words = value[: found.start()].strip(' "\t') if found else value.strip()
    return words or (found.group(1) if found else "")


def badges(origin: Origin, first_time: bool, _: Callable[[str], str]) -> list[Badge]:
    """The words shown beside the sender."""
    shown = []
    if origin.verified:
        shown.append(Badge("bon", _("interne vérifié"), _("Envoyé depuis un compte de l’académie, après connexion.")))
    elif origin.internal and origin.traced:
        shown.append(
            Badge("attention", _("interne non vérifié"), _("L’adresse est de l’académie, l’envoi ne l’est pas."))
        )
    elif not origin.internal:
        shown.append(Badge("neutre", _("externe"), _("Vient d’une adresse hors de l’académie.")))
    if first_time and not origin.verified:
        shown.append(Badge("attention", _("première fois"), _("Vous n’aviez aucun message de cette adresse.")))
    if origin.list_name:
        shown.append(Badge("neutre", _("liste : %(name)s") % {"name": origin.list_name}, _("Diffusé par une liste.")))
    if origin.resent_by:
        shown.append(Badge("neutre", _("redirigé par %(who)s") % {"who": origin.resent_by}, _("Transmis tel quel.")))
    return shown
