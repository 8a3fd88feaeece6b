"""Whether the certificates that the doors present can be used, for how long, and which of our names has none."""

import datetime
from collections.abc import Iterator
from urllib.parse import urlsplit

from cryptography import x509

from mailserver.certificates.faults import said
from mailserver.certificates.proofs import ACCOUNT_KEY
from mailserver.foundation.changes import Changes
from mailserver.foundation.served_certificates import MOST, files_of
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.foundation.tls import Pair, is_ours, read_pair
from mailserver.model.clock import SystemClock
from mailserver.model.errors import Temporary
from mailserver.operations.health.findings import Finding, Grade
from mailserver.operations.health.instance import place_of
from mailserver.operations.health.zone import MTA_STS
from mailserver.store.engine.transactions import Store
from mailserver.store.upkeep import certificates, opening
from mailserver.texts.text import Text, Untranslated

EXPIRY_WARNING_DAYS = 21


def examine_certificates(settings: Settings) -> Iterator[Finding]:
    """The instance's own, then those of further names, then names without any."""
    try:
        own = read_pair(settings.certificate, settings.private_key)
    except SettingsError as error:
        yield Finding("tls", Grade.PROBLEM, error.text, Text("mettez un certificat PEM et sa clé dans tls/"))
        return
    ours = is_ours(settings.certificate, own.chain)
    yield _lasting(own) or _issuer(own, ours=ours)
    further = files_of(settings.certificate)
    pairs = {}
    for name, (certificate, key) in further.items():
        try:
            pairs[name] = read_pair(certificate, key)
        except SettingsError as error:
            yield Finding("tls", Grade.PROBLEM, error.text, Text("mettez-y un certificat PEM et sa clé, ou retirez-le"))
            continue
        late = _lasting(pairs[name], name)
        if late is not None:
            yield late
    if len(further) >= MOST:
        yield Finding("tls", Grade.WARNING, Text("seuls {count} dossiers de tls/sni/ sont lus", count=MOST))
    if not ours:
        yield from _without(settings, own, pairs)
    if settings.acme.agree_to_terms:
        yield from _acme(settings, own)


def _lasting(pair: Pair, name: str = "") -> Finding | None:
    """What is wrong with how long one lasts."""
    left = pair.ends - datetime.datetime.now(datetime.UTC)
    if left.days >= EXPIRY_WARNING_DAYS:
        return None
    remedy = Text("renouvelez-le : le service le relit seul")
    if left.total_seconds() < 0:
        since = -left.days - 1
        if name:
            text = Text("le certificat de {name} a expiré il y a {days} jours", name=name, days=since)
        else:
            text = Text("le certificat a expiré il y a {days} jours", days=since)
        return Finding("tls", Grade.PROBLEM, text, remedy)
    if name:
        text = Text("le certificat de {name} expire dans {days} jours", name=name, days=left.days)
    else:
        text = Text("le certificat expire dans {days} jours", days=left.days)
    return Finding("tls", Grade.WARNING, text, remedy)


def _issuer(pair: Pair, *, ours: bool) -> Finding:
    leaf = x509.load_pem_x509_certificate(pair.chain)
    if ours:
        return Finding(
            "tls",
            Grade.WARNING,
            Text("le certificat vient de l’autorité de cette instance, que personne d’autre ne connaît"),
            Text("faites confiance à tls/authority.pem sur les postes, ou remplacez-le avant l’ouverture au public"),
        )
    if leaf.issuer == leaf.subject:
        text = Text("le certificat est auto-signé")
        return Finding("tls", Grade.WARNING, text, Text("remplacez-le avant l’ouverture au public"))
    days = (pair.ends - datetime.datetime.now(datetime.UTC)).days
    return Finding("tls", Grade.OK, Text("le certificat est valable {days} jours", days=days))


def _without(settings: Settings, own: Pair, further: dict[str, Pair]) -> Iterator[Finding]:
    """Names that clients are sent to, and would be warned of. A folder's own name decides what is presented."""
    every = own.names.union(*(pair.names for pair in further.values()))
    missing = []
    for name in names(settings):
        hosts = further[name].names if name in further else every
        if not {name, f"*.{name.partition('.')[2]}"} & hosts:
            missing.append(name)
    if missing:
        text = Text("aucun certificat n’est pour {names}", names=", ".join(missing))
        remedy = Text("demandez-en un qui les nomme, ou mettez-en dans tls/sni/NOM/")
        yield Finding("tls", Grade.WARNING, text, remedy)


def _acme(settings: Settings, own: Pair) -> Iterator[Finding]:
    """Whether it is renewed by itself."""
    command = Untranslated(f"mailserver certificate request {settings.directory}")
    if not settings.has_secret(ACCOUNT_KEY):
        yield Finding("tls", Grade.WARNING, Text("aucun certificat n’a encore été demandé par ACME"), command)
        return
    try:
        if not opening.look(place_of(settings)):
            return
        store = Store(settings.database_url, settings.data, SystemClock(), Changes(), read_only=True)
        try:
            held = store.read_now(certificates.get)
        finally:
            store.close()
    except (Temporary, OSError):
        return  # the look at the database says so
    if held.failures:
        left = own.ends.timestamp() - SystemClock().now()
        grade = Grade.PROBLEM if left < certificates.TOLD_AHEAD else Grade.WARNING
        why = said(held.fault, held.detail)
        text = Text("le renouvellement par ACME a échoué {count} fois : {why}", count=held.failures, why=why)
        yield Finding("tls", grade, text, Text("corrigez-en la cause, puis : {command}", command=command))
    elif not held.number:
        yield Finding("tls", Grade.WARNING, Text("aucun certificat n’a encore été obtenu par ACME"), command)
    elif held.chain.encode() != own.chain:
        text = Text("le certificat en place n’est pas le dernier qui a été obtenu par ACME")
        remedy = Text("remettez celui de tls/acme/live, ou [acme] agree_to_terms = false si c’est voulu")
        yield Finding("tls", Grade.WARNING, text, remedy)


def names(settings: Settings) -> list[str]:
    """Every host that our own letters, DNS records and documents lead to, in the order of how much it matters."""
    found = [settings.name, urlsplit(settings.public_url).hostname or settings.name]
    for domain in settings.domains:
        if settings.smtp.mta_sts != "off":
            found.append(f"{MTA_STS}.{domain}")
        if settings.listen.https:
            found += [f"autoconfig.{domain}", f"autodiscover.{domain}"]
    return list(dict.fromkeys(found))
