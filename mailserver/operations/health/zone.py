"""What a mail domain publishes in DNS, as records; nothing is looked up here.

MX (RFC 5321 section 5), SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489), MTA-STS (RFC 8461), TLS reports (RFC 8460),
DANE (RFC 7672), where programs find the doors (RFC 6186, 8314, 6764, 5804, Mozilla's autoconfig, Outlook's
Autodiscover).
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes

from mailserver.certificates.files import NEXT_KEY
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.foundation.tls import is_ours
from mailserver.outbound.submission.signatures.dkim import Signer
from mailserver.outbound.submission.signatures.signing_keys import publication_ends, record_of
from mailserver.store.queue.outbound.dkim_keys import PUBLISHED, DkimKey, State
from mailserver.texts.causes import utc
from mailserver.texts.text import NOTHING, Text

STRING = 255
"""Octets of one character-string of a TXT record (RFC 1035 section 3.3)."""
MTA_STS = "mta-sts"
"""The host, below the domain, that serves the policy (RFC 8461 section 3.3)."""
DANE = "_25._tcp."
"""Before a host: what binds its exchange to a key."""
MOST_NAMED = 8
"""Relays by name in SPF: with `mx` and one of theirs, below the ten look-ups that are made (RFC 7208 section 4.6.4)."""
ONLY_OURS = "v=spf1 mx -all"
"""Of a service that takes mail where it sends it from."""
PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1")))
POLICY_SECONDS = {"testing": 86_400, "enforce": 7 * 86_400}
"""How long others keep it: an error in it lasts as long."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One record to publish."""

    name: str
    """Fully qualified, without the final dot."""
    kind: str
    data: str
    """Without quotes: of TXT the whole text."""
    why: Text
    needed: bool = True
    """Mail suffers without it; else it makes something easier or safer."""
    note: Text = NOTHING
    """What to know before it is published."""
    holds: str = ""
    """What the record must hold where an academy says the rest in its own words: an address of ours."""

    @property
    def line(self) -> str:
        """As a zone file has it (RFC 1035 section 5)."""
        return text_line(self.name, self.data) if self.kind == "TXT" else f"{self.name}. IN {self.kind} {self.data}"


def text_line(name: str, text: str) -> str:
    """A TXT record as a zone file has it."""
    return f"{name}. IN TXT {_quoted(text)}"


def _quoted(text: str) -> str:
    pieces = [text[start : start + STRING] for start in range(0, len(text), STRING)]
    return " ".join('"{}"'.format(piece.replace("\\", "\\\\").replace('"', '\\"')) for piece in pieces)


def records(settings: Settings, keys: Sequence[DkimKey] = ()) -> Iterator[Wanted]:
    """Everything, of all domains; those of the first one first. `keys`: none are known where nobody has served yet."""
    for domain in settings.domains:
        yield from _mail(settings, domain)
        yield from _signing(settings, domain, keys)
        yield from _policies(settings, domain)
        yield from _services(settings, domain)
    yield from _dane(settings)
    yield from _reverse(settings)


def _mail(settings: Settings, domain: str) -> Iterator[Wanted]:
    yield Wanted(domain, "MX", f"10 {settings.name}.", Text("le courrier pour {domain} arrive ici", domain=domain))
    record = spf(settings)
    note: Text = NOTHING
    if settings.proxy.networks and record == ONLY_OURS:
        note = Text("les envois partent des hôtes, non du mandataire : ajoutez ip4: ou ip6: de chacun")
    yield Wanted(domain, "TXT", record, Text("qui envoie pour {domain} (SPF)", domain=domain), note=note)


def _signing(settings: Settings, domain: str, keys: Sequence[DkimKey]) -> Iterator[Wanted]:
    why = Text("les clés de nos signatures (DKIM)")
    if not keys:
        selector = settings.dkim_selector
        try:
            key = Signer(selector, settings.secret(f"dkim-{selector}.pem")).record
        except (SettingsError, ValueError):
            return
        yield Wanted(f"{selector}._domainkey.{domain}", "TXT", key, why)
    for one in keys:
        if one.state in PUBLISHED:
            note = _calendar(one, settings.outbound.lifetime)
            yield Wanted(f"{one.selector}._domainkey.{domain}", "TXT", record_of(one), why, note=note)


def _calendar(key: DkimKey, lifetime: int) -> Text:
    """What is to be known of a key's record besides what it holds."""
    ends = utc(publication_ends(key, lifetime))
    match key.state:
        case State.NEW:
            return Text("nouvelle clé : à publier maintenant, elle signera ensuite")
        case State.RETIRED:
            return Text("ne signe plus : à laisser publiée jusqu’au {ends}", ends=ends)
        case State.REVOKED:
            return Text("révoquée : à publier ainsi jusqu’au {ends}", ends=ends)
        case _:
            return NOTHING


def spf(settings: Settings) -> str:
    """The hosts that send: our own, the addresses that they send from, and the relays that take mail for everybody."""
    outbound = settings.outbound
    sources = [*outbound.source, *(source for relay in outbound.relays for source in relay.source)]
    wanted = [_by_address(source) for source in sources if not _is_of_a_private_network(source)]
    hosts = [relay.host for relay in outbound.all_relays if relay.host and not relay.recipients]
    named = 0
    for mechanism in map(_of_host, hosts):
        named += mechanism.startswith("a:")
        if named <= MOST_NAMED or not mechanism.startswith("a:"):
            wanted.append(mechanism)
    return " ".join(["v=spf1", "mx", *dict.fromkeys(wanted), "-all"])


def _of_host(host: str) -> str:
    name = host.rpartition(":")[0].strip("[]")
    try:
        return _by_address(name)
    except ValueError:
        return f"a:{name}"


def _by_address(address: str) -> str:
    return f"ip{ip_address(address).version}:{address}"


def _is_of_a_private_network(address: str) -> bool:
    """It is translated on its way out: others see another one."""
    return any(ip_address(address) in network for network in PRIVATE)


def _policies(settings: Settings, domain: str) -> Iterator[Wanted]:
    reports = settings.reports
    dmarc = f"v=DMARC1; p=quarantine; rua=mailto:{reports.dmarc or f'postmaster@{domain}'}"
    why = Text("ce que les autres font des faux (DMARC)")
    yield Wanted(f"_dmarc.{domain}", "TXT", dmarc, why, holds=reports.dmarc)
    there = reports.dmarc.rpartition("@")[2].lower()
    if there != domain and there in settings.domains:
        # Else others send no reports about this domain there (RFC 7489 section 7.1).
        yield Wanted(f"{domain}._report._dmarc.{there}", "TXT", "v=DMARC1", why)
    tls = f"v=TLSRPTv1; rua=mailto:{reports.tls or f'postmaster@{domain}'}"
    why = Text("où les autres disent que TLS a échoué (TLS-RPT)")
    yield Wanted(f"_smtp._tls.{domain}", "TXT", tls, why, needed=bool(reports.tls), holds=reports.tls)
    policy = mta_sts_policy(settings)
    if policy:
        why = Text("les autres n’envoient qu’avec TLS (MTA-STS)")
        text = f"v=STSv1; id={hashlib.sha256(policy.encode()).hexdigest()[:20]}"
        yield Wanted(f"_mta-sts.{domain}", "TXT", text, why, needed=False)
        note = Text(
            "sert https://{host}/.well-known/mta-sts.txt, avec un certificat pour ce nom", host=f"{MTA_STS}.{domain}"
        )
        yield Wanted(f"{MTA_STS}.{domain}", "CNAME", f"{settings.name}.", why, needed=False, note=note)


def mta_sts_policy(settings: Settings) -> str:
    """The policy as it is served (RFC 8461 section 3.2); empty: none."""
    mode = settings.smtp.mta_sts
    if mode == "off":
        return ""
    lines = ("version: STSv1", f"mode: {mode}", f"mx: {settings.name}", f"max_age: {POLICY_SECONDS[mode]}")
    return "".join(f"{line}\r\n" for line in lines)


def _services(settings: Settings, domain: str) -> Iterator[Wanted]:
    """Where programs find the doors; a port of 0 is a door that is closed."""
    listen = settings.listen
    finds = Text("les logiciels trouvent le service")
    for label, port in (
        ("_imaps", listen.imaps),
        ("_imap", listen.imap),
        ("_submissions", listen.submissions),
        ("_submission", listen.submission),
        ("_sieve", listen.sieve),
        ("_caldavs", listen.https),
        ("_carddavs", listen.https),
        ("_autodiscover", listen.https),
    ):
        if port:
            yield Wanted(f"{label}._tcp.{domain}", "SRV", f"0 1 {port} {settings.name}.", finds, needed=False)
        if port and label in ("_caldavs", "_carddavs"):
            yield Wanted(f"{label}._tcp.{domain}", "TXT", "path=/dav/", finds, needed=False)
    if listen.https:
        for label in ("autoconfig", "autodiscover"):
            yield Wanted(f"{label}.{domain}", "CNAME", f"{settings.name}.", finds, needed=False)


def _dane(settings: Settings) -> Iterator[Wanted]:
    """The key that the exchange presents to who asks for it by its name, as DANE wants (RFC 7672 section 8.1), and the
    next one's where it is known: in a signed zone only, and published before the key is presented (RFC 7671 section
    8.4)."""
    try:
        presented = Certificate(settings.certificate, settings.private_key)
    except SettingsError:
        return
    pair = presented.current(settings.name)
    if is_ours(settings.certificate, pair.chain):
        return
    why = Text("les autres vérifient notre certificat (DANE)")
    name = f"{DANE}{settings.name}"
    note = Text("seulement dans une zone signée (DNSSEC) ; à changer avant la clé")
    current = _binding(x509.load_pem_x509_certificate(pair.chain).public_key())
    yield Wanted(name, "TLSA", current, why, needed=False, note=note)
    if pair is not presented.current():  # what is obtained by ACME takes the place of another one
        return
    try:
        following = serialization.load_pem_public_key(settings.certificate.with_name(NEXT_KEY).read_bytes())
    except (OSError, ValueError):
        return
    if _binding(following) != current:
        note = Text("la clé du prochain certificat : à publier dès maintenant, à côté de la précédente")
        yield Wanted(name, "TLSA", _binding(following), why, needed=False, note=note)


def _reverse(settings: Settings) -> Iterator[Wanted]:
    """The names of the addresses that mail leaves from, as far as settings say them."""
    outbound = settings.outbound
    direct = (source for relay in outbound.relays if not relay.host for source in relay.source)
    sources = [*outbound.source, *outbound.source_names, *direct]
    if not sources and not settings.proxy.networks:
        with suppress(ValueError):  # a name
            address = ip_address(settings.listen.address)
            sources = [] if address.is_unspecified else [str(address)]
    why = Text("le nom de l’adresse d’où part le courrier (PTR) : beaucoup refusent qui n’en a pas")
    for source in dict.fromkeys(sources):
        if _is_of_a_private_network(source):
            continue
        address, name = ip_address(source), outbound.source_names.get(source) or settings.name
        yield Wanted(address.reverse_pointer, "PTR", f"{name}.", why)
        if name != settings.name:
            yield Wanted(name, "A" if address.version == 4 else "AAAA", str(address), why)


def _binding(public: PublicKeyTypes | CertificatePublicKeyTypes) -> str:
    """A key as a TLSA record has it (RFC 7672 section 3.1.1)."""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"3 1 1 {hashlib.sha256(der).hexdigest()}"
