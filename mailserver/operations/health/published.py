"""What the world's DNS says of us, beside what it should say (`zone`)."""

import re
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import dns.exception
import dns.rdatatype
import dns.resolver
import dns.reversename

from mailserver.foundation.network.library_resolver import ask_for_validation, is_validated, library_resolver
from mailserver.foundation.settings import Settings
from mailserver.operations.health import zone
from mailserver.operations.health.findings import Finding, Grade
from mailserver.operations.health.signing import stored_keys
from mailserver.operations.health.zone import Wanted
from mailserver.texts.text import Text

DNS_SECONDS = 4.0
LOOKUPS_AT_ONCE = 8
_LETS_SEND = re.compile(r"\s(?:\+?(?:mx|a|ip4|ip6|include|exists|all)\b|redirect=)", re.IGNORECASE)
"""A term of SPF that somebody passes by (RFC 7208 section 5)."""
_ALONE = frozenset(("v=spf1", "v=dmarc1", "v=tlsrptv1", "v=stsv1"))
"""Where a name has two of a version neither counts (RFC 7208 section 4.5, RFC 7489 section 6.6.3, RFC 8460 section 3,
RFC 8461 section 3.1)."""
_ANSWERED = (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer)
_FAILED = (dns.exception.DNSException, OSError)


@dataclass(frozen=True, slots=True)
class _Seen:
    texts: tuple[str, ...] = ()
    error: str = ""


def examine_dns(settings: Settings) -> Iterator[Finding]:
    """Whether a name server answers (every living one knows the root's), then what is published of us."""
    try:
        _ask(settings, ".", "NS")
    except _ANSWERED:
        pass
    except _FAILED:
        yield Finding(
            "dns",
            Grade.WARNING,
            Text("aucun serveur de noms ne répond : le courrier reçu n’est pas authentifié"),
            Text("vérifiez [dns] nameservers, ou la résolution de cette machine"),
        )
        return
    yield Finding("dns", Grade.OK, Text("Le serveur de noms répond"))
    yield from _validation(settings)
    wanted = list(zone.records(settings, stored_keys(settings)))
    ours = frozenset(_look(settings, settings.name, "A").texts)
    with ThreadPoolExecutor(LOOKUPS_AT_ONCE) as threads:
        seen = list(threads.map(lambda one: _look_for(settings, one, ours), wanted))
        names = threads.submit(lambda: list(_names(settings, {one.name for one in wanted})))
        for one, found in zip(wanted, seen, strict=True):
            if (doubled := _doubled(one, found)) is not None:
                yield doubled
            elif one.needed:
                yield _compared(one, found)
        yield from _useful([one for one, found in zip(wanted, seen, strict=True) if not _holds(one, found)], settings)
        yield from _mta_sts(settings, wanted, seen)
        yield from _dane(settings)
        yield from names.result()


def _validation(settings: Settings) -> Iterator[Finding]:
    """Whether DANE can be heeded: the root's servers are signed, and whoever validates says so."""
    if not settings.outbound.dane or settings.dns.validating == "no":
        return
    try:
        resolver = library_resolver(dns.resolver.Resolver, settings.dns)
        ask_for_validation(resolver)
        validates = is_validated(resolver.resolve(".", "NS", lifetime=DNS_SECONDS), settings.dns)
    except _FAILED:
        validates = False
    if validates:
        yield Finding("dns", Grade.OK, Text("Le serveur de noms valide DNSSEC : les clés des autres (DANE) comptent"))
    elif settings.dns.validating == "yes":
        text = Text("le serveur de noms ne valide pas DNSSEC : les clés des autres (DANE) ne comptent pas")
        yield Finding("dns", Grade.WARNING, text, Text("nommez dans [dns] nameservers un serveur qui valide"))
    else:
        text = Text("Aucun serveur de noms de cette machine ne valide DNSSEC : DANE ne compte pas")
        yield Finding("dns", Grade.OK, text)


def _ask(settings: Settings, name: str, kind: str) -> dns.resolver.Answer:
    return library_resolver(dns.resolver.Resolver, settings.dns).resolve(name, kind, lifetime=DNS_SECONDS)


def _look(settings: Settings, name: str, kind: str) -> _Seen:
    try:
        answer = _ask(settings, name, kind)
    except _ANSWERED:
        return _Seen()
    except _FAILED as error:
        return _Seen(error=type(error).__name__)
    is_text = answer.rdtype == dns.rdatatype.TXT
    texts = [b"".join(one.strings).decode("utf-8", "replace") if is_text else one.to_text() for one in answer]
    return _Seen(tuple(texts))


def _look_for(settings: Settings, wanted: Wanted, ours: Set[str]) -> _Seen:
    """What there is of a record; of names and services only what leads to our host, which it may do by a name or an
    address of its own."""

    def is_ours(address: str) -> bool:
        return not ours or address in ours

    match wanted.kind:
        case "CNAME":
            seen = _look(settings, wanted.name, "A")
            return replace(seen, texts=tuple(filter(is_ours, seen.texts)))
        case "SRV":
            seen = _look(settings, wanted.name, "SRV")
            targets = {text: text.split()[-1].rstrip(".").lower() for text in seen.texts}
            leading = [
                text
                for text, target in targets.items()
                if target in ("", settings.name) or any(map(is_ours, _look(settings, target, "A").texts))
            ]
            return replace(seen, texts=tuple(leading))
        case _:
            return _look(settings, wanted.name, wanted.kind)


def _holds(wanted: Wanted, seen: _Seen) -> bool:
    """Whether what is published does what is wanted; an academy may say it in its own words."""
    texts = seen.texts
    match wanted.kind:
        case "MX":
            return any(text.split()[1].lower() == wanted.data.split()[1] for text in texts)
        case "SRV" | "CNAME":
            return bool(texts)
        case "TXT" if wanted.data.startswith("v=spf1"):
            return any(text.startswith("v=spf1") and _LETS_SEND.search(text) for text in texts)
        case "TXT" if "._domainkey." not in wanted.name and not wanted.name.startswith("_mta-sts."):
            start = wanted.data.split(";")[0].split()[0]
            return any(text.startswith(start) and wanted.holds.lower() in text.lower() for text in texts)
        case _:
            return any(text.lower() == wanted.data.lower() for text in texts)


def _compared(wanted: Wanted, seen: _Seen) -> Finding:
    about = {"name": wanted.name, "kind": wanted.kind}
    if _holds(wanted, seen):
        return Finding("dns", Grade.OK, Text("{name} {kind} est publié", **about))
    if seen.error:
        text = Text("{name} {kind} ne répond pas ({error})", error=seen.error, **about)
    elif seen.texts:
        text = Text("{name} {kind} n’est pas le nôtre", **about)
    else:
        text = Text("{name} n’a pas d’enregistrement {kind}", **about)
    return Finding("dns", Grade.WARNING, text, Text("publiez : {record}", record=wanted.line))


def _doubled(wanted: Wanted, seen: _Seen) -> Finding | None:
    """Ours was added to that of a service before it."""
    version = _version(wanted.data)
    if wanted.kind != "TXT" or version.lower() not in _ALONE or "._report." in wanted.name:
        return None
    alike = [text for text in seen.texts if _version(text).lower() == version.lower()]
    if len(alike) < 2:
        return None
    text = Text(
        "{name} a {count} enregistrements {version} : les autres ne tiennent compte d’aucun",
        name=wanted.name,
        count=len(alike),
        version=version,
    )
    return Finding("dns", Grade.WARNING, text, Text("n’en gardez qu’un"))


def _version(text: str) -> str:
    return re.split(r"[;\s]", text, maxsplit=1)[0]


def _useful(missing: list[Wanted], settings: Settings) -> Iterator[Finding]:
    """One line for all that is not needed: many academies publish some of it."""
    names = sorted({f"{one.name} {one.kind}" for one in missing if not one.needed})
    if names:
        text = Text(
            "{count} enregistrements utiles manquent, ou mènent ailleurs : {names}",
            count=len(names),
            names=", ".join(names),
        )
        remedy = Text("`mailserver dns {directory}` les écrit", directory=settings.directory)
        yield Finding("dns", Grade.WARNING, text, remedy)


def _mta_sts(settings: Settings, wanted: list[Wanted], seen: list[_Seen]) -> Iterator[Finding]:
    """What makes others keep our mail, or refuse to send it, for as long as they keep a policy of ours."""
    mode = settings.smtp.mta_sts
    if mode == "off":
        for domain in settings.domains:
            if _look(settings, f"_mta-sts.{domain}", "TXT").texts:
                text = Text("_mta-sts.{domain} est publié, et aucune politique n’est servie", domain=domain)
                yield Finding("dns", Grade.WARNING, text, Text("servez « testing » avant de retirer l’enregistrement"))
    if mode != "enforce":
        return
    for one, found in zip(wanted, seen, strict=True):
        others = [text.split()[1] for text in found.texts] if one.kind == "MX" else []
        strangers = sorted({host.rstrip(".").lower() for host in others} - {settings.name})
        if strangers:
            text = Text(
                "{name} MX : {hosts} n’est pas dans la politique MTA-STS, et n’aura pas de courrier",
                name=one.name,
                hosts=", ".join(strangers),
            )
            yield Finding("dns", Grade.WARNING, text, Text('retirez cet échangeur, ou [smtp] mta_sts = "testing"'))


def _dane(settings: Settings) -> Iterator[Finding]:
    """Records that name other keys than ours: whoever heeds them sends us nothing (RFC 7672 section 2.2)."""
    keys = [one.data.lower() for one in zone.records(settings) if one.kind == "TLSA"]
    name = f"{zone.DANE}{settings.name}"
    published = [" ".join(text.lower().split()) for text in _look(settings, name, "TLSA").texts]
    # Others than keys (3 1 1) are of another's making: whether they fit cannot be said here.
    if not published or not all(text.startswith("3 1 1 ") for text in published):
        return
    if keys and keys[0] not in published:
        finding = Text(
            "{name} TLSA : la clé de notre certificat n’y est pas, d’autres serveurs ne nous envoient rien", name=name
        )
        yield Finding("dns", Grade.PROBLEM, finding, Text("publiez : {record}", record=f"{name}. IN TLSA {keys[0]}"))
    elif len(keys) > 1 and keys[1] not in published:
        finding = Text("{name} TLSA : la clé du prochain certificat n’y est pas encore", name=name)
        yield Finding("dns", Grade.WARNING, finding, Text("publiez : {record}", record=f"{name}. IN TLSA {keys[1]}"))


def _names(settings: Settings, looked_at: set[str]) -> Iterator[Finding]:
    """Whether each address of our host has its name: many refuse mail from one that has not (RFC 1912 section 2.1).
    `looked_at`: names of records that are compared anyway."""
    name = settings.name
    found = [_look(settings, name, kind) for kind in ("A", "AAAA")]
    addresses = [text for one in found for text in one.texts]
    if not addresses and not any(one.error for one in found):
        text = Text("{name} n’a pas d’enregistrement {kind}", name=name, kind="A")
        yield Finding("dns", Grade.WARNING, text, Text("publiez l’adresse de cet hôte"))
    for address in addresses:
        reverse = dns.reversename.from_address(address).to_text(omit_final_dot=True)
        if reverse in looked_at:
            continue
        if any(text.rstrip(".").lower() == name for text in _look(settings, reverse, "PTR").texts):
            yield Finding("dns", Grade.OK, Text("{address} a pour nom {name}", address=address, name=name))
        else:
            text = Text("{address} n’a pas pour nom {name}", address=address, name=name)
            remedy = Text("publiez : {record}", record=f"{reverse}. IN PTR {name}.")
            yield Finding("dns", Grade.WARNING, text, remedy)
