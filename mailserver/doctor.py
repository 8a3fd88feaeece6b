"""Looks an instance over and says, for each finding, what to do about it. Changes nothing."""

import datetime
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.resolver
from cryptography import x509

from directory.rosters import House
from mailserver import permissions, room, workers
from mailserver.changes import Changes
from mailserver.clock import SystemClock
from mailserver.deliver import exposure
from mailserver.dkim import dns_record
from mailserver.errors import NewerSchema, NotThere, Temporary
from mailserver.instance import place_of
from mailserver.said import Said
from mailserver.settings import Settings, SettingsError
from mailserver.store import condition, opening
from mailserver.store.condition import Condition
from mailserver.store.transactions import Store
from mailserver.tls import read_pair

DNS_SECONDS = 4.0
QUICK_SECONDS = 5.0
"""For a look at the pages of a database."""
FILES_NAMED = 8
EXPIRY_WARNING_DAYS = 21
MAX_LISTS = 50
"""Named one by one."""
SECRETS = ("hmac", "ldap-admin")


class Grade(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


NOTHING = Said("", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    subject: str
    """A key of `SUBJECTS`."""
    grade: Grade
    text: Said
    remedy: Said = NOTHING

    @property
    def about(self) -> Said:
        """The subject for people."""
        return SUBJECTS[self.subject]


SUBJECTS = {
    "settings": Said("réglages", "settings"),
    "secrets": Said("secrets", "secrets"),
    "files": Said("fichiers", "files"),
    "tls": Said("TLS", "TLS"),
    "database": Said("base de données", "database"),
    "disk": Said("disque", "disk"),
    "messages": Said("messages", "messages"),
    "index": Said("index de recherche", "search index"),
    "counts": Said("compteurs", "counts"),
    "upkeep": Said("entretien", "upkeep"),
    "repair": Said("réparation", "repair"),
    "ports": Said("ports", "ports"),
    "directory": Said("annuaire", "directory"),
    "lists": Said("listes", "lists"),
    "dns": Said("DNS", "DNS"),
}


def _plain(text: str) -> Said:
    """What has no language of its own: a command, a name, an error of the system."""
    return Said(text, text)


def examine(settings: Settings, *, dns_too: bool = True) -> Iterator[Finding]:
    """Every finding, most fundamental first."""
    looks: list[Callable[[Settings], Iterator[Finding]]] = [
        _secrets,
        _files,
        _certificate,
        _database,
        _disks,
        _stored,
        _ports,
        _ldap,
        _lists,
    ]
    if dns_too:
        looks.append(_dns)
    yield Finding(
        "settings",
        Grade.OK,
        Said(
            f"{settings.directory} sert {', '.join(settings.domains)}",
            f"{settings.directory} serves {', '.join(settings.domains)}",
        ),
    )
    for look in looks:
        yield from look(settings)


def _secrets(settings: Settings) -> Iterator[Finding]:
    for name in (*SECRETS, f"dkim-{settings.dkim_selector}.pem"):
        path = settings.directory / "secrets" / name
        try:
            settings.secret(name)
            mode = stat.S_IMODE(path.stat().st_mode)
        except (SettingsError, OSError) as error:
            yield Finding(
                "secrets",
                Grade.PROBLEM,
                _plain(str(error)),
                Said("restaurez-le d’une sauvegarde de l’instance", "restore it from a backup of the instance"),
            )
            continue
        if mode & 0o077:
            yield Finding(
                "secrets",
                Grade.PROBLEM,
                Said(f"d’autres peuvent lire {path}", f"{path} can be read by others"),
                _plain(f"chmod 600 {path}"),
            )
        else:
            yield Finding(
                "secrets",
                Grade.OK,
                Said(f"seul son propriétaire peut lire {name}", f"{name} is readable by its owner only"),
            )


def _files(settings: Settings) -> Iterator[Finding]:
    """Secrets apart, which are looked at one by one."""
    secrets = settings.directory / "secrets"
    found = [(path, mode) for path, mode in permissions.too_open(settings.directory) if path.parent != secrets]
    if not found:
        text = Said("les fichiers ne sont lisibles que par leur propriétaire", "files are readable by their owner only")
        yield Finding("files", Grade.OK, text)
        return
    names = ", ".join(str(path.relative_to(settings.directory)) for path, _ in found[:FILES_NAMED])
    more = "" if len(found) <= FILES_NAMED else " …"
    key_is_open = any(path == settings.private_key and mode & 0o007 for path, mode in found)
    yield Finding(
        "files",
        Grade.PROBLEM if key_is_open else Grade.WARNING,
        Said(f"ouverts à d’autres ({len(found)}) : {names}{more}", f"open to others ({len(found)}): {names}{more}"),
        _plain(f"chmod -R go= {settings.directory}"),
    )


def _certificate(settings: Settings) -> Iterator[Finding]:
    try:
        pair = read_pair(settings.certificate, settings.private_key)
    except SettingsError as error:
        yield Finding(
            "tls",
            Grade.PROBLEM,
            _plain(str(error)),
            Said("mettez un certificat PEM et sa clé dans tls/", "put a PEM certificate and its key in tls/"),
        )
        return
    certificate = x509.load_pem_x509_certificate(pair.chain)
    days = (certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)).days
    if days < EXPIRY_WARNING_DAYS:
        grade = Grade.PROBLEM if days < 0 else Grade.WARNING
        yield Finding(
            "tls",
            grade,
            Said(f"le certificat expire dans {days} jours", f"the certificate ends in {days} days"),
            Said("renouvelez-le : le service le relit seul", "renew it: the service reads it again by itself"),
        )
    elif certificate.issuer == certificate.subject:
        yield Finding(
            "tls",
            Grade.WARNING,
            Said("le certificat est auto-signé", "the certificate is self-signed"),
            Said("remplacez-le avant l’ouverture au public", "replace it before people connect to it"),
        )
    else:
        yield Finding(
            "tls",
            Grade.OK,
            Said(f"le certificat est valable {days} jours", f"the certificate is good for {days} days"),
        )


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        current = opening.look(place_of(settings))
    except (NotThere, NewerSchema) as error:
        # It says itself what to do.
        yield Finding("database", Grade.PROBLEM, _plain(str(error)))
        return
    except (Temporary, OSError) as error:
        yield Finding(
            "database",
            Grade.PROBLEM,
            _plain(str(error)),
            Said("vérifiez [database] url et que la base tourne", "check [database] url and that it runs"),
        )
        return
    if current:
        yield Finding("database", Grade.OK, Said("joignable, schéma à jour", "reachable, schema current"))
    else:
        yield Finding(
            "database",
            Grade.WARNING,
            Said("le schéma est plus ancien que cette version", "the schema is older than this version"),
            Said("`mailserver serve` le met à jour", "`mailserver serve` upgrades it"),
        )


def _disks(settings: Settings) -> Iterator[Finding]:
    for full in room.full(settings):
        where = full.folder
        yield Finding(
            "disk",
            Grade.PROBLEM if full.is_over else Grade.WARNING,
            Said(
                f"{where} : il reste {full.free >> 20} Mio, {full.percent} % sont pris",
                f"{where}: {full.free >> 20} MiB are free, {full.percent} % are used",
            ),
            Said("libérez de la place sur ce disque", "make room on this disk"),
        )


def _stored(settings: Settings) -> Iterator[Finding]:
    """What the database says of itself, as far as a look of some seconds can tell."""
    try:
        if not opening.look(place_of(settings)):
            return
        store = Store(settings.database_url, settings.data, SystemClock(), Changes(), read_only=True)
        try:
            state = store.read_now(condition.look, seconds=QUICK_SECONDS)
        finally:
            store.close()
    except (Temporary, OSError) as error:
        if not isinstance(error, NotThere):
            yield Finding("database", Grade.PROBLEM, _plain(str(error)))
        return
    yield from _pages(settings, state)
    if state.damaged:
        yield Finding(
            "messages",
            Grade.PROBLEM,
            Said(f"{state.damaged} messages sont abîmés ou perdus", f"{state.damaged} messages are damaged or lost"),
            Said("restaurez-les d’une sauvegarde", "restore them from a backup"),
        )
    if state.stop is not None:
        yield Finding(
            "upkeep",
            Grade.PROBLEM,
            Said(
                f"le ramassage s’est arrêté : {state.stop.refused} ({state.stop.kind.value}) à la fois, c’est trop",
                f"collection has stopped: {state.stop.refused} {state.stop.kind.value} at once are out of proportion",
            ),
            _plain(f"mailserver storage allow-collection {settings.directory}"),
        )
    if state.doubt is not None:
        yield Finding(
            "upkeep",
            Grade.WARNING,
            Said(
                f"l’horloge a sauté : l’entretien attend encore {state.doubt.left // 3600} h",
                f"the clock jumped: upkeep waits for another {state.doubt.left // 3600} h",
            ),
            _plain(f"mailserver storage believe-clock {settings.directory}"),
        )


def _pages(settings: Settings, state: Condition) -> Iterator[Finding]:
    deep = _plain(f"mailserver check --deep {settings.directory}")
    if state.faults is None:
        yield Finding(
            "database",
            Grade.OK,
            Said(
                "pages et messages n’ont pas tous été regardés (--deep le fait)",
                "pages and messages were not all looked at (--deep does)",
            ),
        )
        return
    for fault in state.faults:
        yield Finding("database", Grade.PROBLEM, _plain(fault), deep)
    if not state.faults:
        yield Finding(
            "database",
            Grade.OK,
            Said(
                "pages bien formées ; les messages n’ont pas été lus (--deep le fait)",
                "pages are well formed; messages were not read (--deep does)",
            ),
        )


def _ports(settings: Settings) -> Iterator[Finding]:
    if workers.is_served(settings.directory):
        yield Finding("ports", Grade.OK, Said("l’instance tourne", "the instance is running"))
        return
    try:
        workers.check_free(settings.listen)
    except workers.CannotServe as problem:
        yield Finding(
            "ports",
            Grade.PROBLEM,
            _plain(str(problem)),
            Said("arrêtez l’autre serveur ou changez [listen]", "stop the other server or change [listen]"),
        )
    else:
        yield Finding(
            "ports",
            Grade.OK,
            Said(
                "tous les ports sont libres (l’instance ne tourne pas)",
                "every port is free (the instance is not running)",
            ),
        )


def _ldap(settings: Settings) -> Iterator[Finding]:
    if settings.ldap is None:
        yield Finding("directory", Grade.OK, Said("l’annuaire embarqué est utilisé", "the embedded directory is used"))
        return
    from directory.ldap.probe import probe

    problem = probe(settings)
    if problem:
        yield Finding(
            "directory",
            Grade.PROBLEM,
            _plain(problem),
            Said("vérifiez [ldap] url, bind_dn et password_file", "check [ldap] url, bind_dn and password_file"),
        )
    else:
        yield Finding("directory", Grade.OK, Said(f"{settings.ldap.url} répond", f"{settings.ldap.url} answers"))


def _lists(settings: Settings) -> Iterator[Finding]:
    """Lists that take mail from outside for people whom a rule keeps from it."""
    try:
        if settings.ldap is not None or not opening.look(place_of(settings)):
            return
        store = Store(settings.database_url, settings.data, SystemClock(), Changes(), read_only=True)
        try:
            found = store.read_now(exposure.exposed, House.of(settings))
        finally:
            store.close()
    except (Temporary, OSError):
        return  # the look at the database has said so
    for one in found[:MAX_LISTS]:
        count = sum(one.members.values())
        who = " ".join(population.value for population in one.members)
        yield Finding(
            "lists",
            Grade.WARNING,
            Said(
                f"{one.address} accepte les messages de l’extérieur, et une règle en protège {count} membres ({who}) : "
                "ils ne les reçoivent pas",
                f"{one.address} takes mail from outside, and a rule keeps {count} of its members from it ({who}): "
                "they do not get it",
            ),
            _plain(f"mailserver list set {settings.directory} {one.address} --writers house"),
        )
    if len(found) > MAX_LISTS:
        more = len(found) - MAX_LISTS
        yield Finding("lists", Grade.WARNING, Said(f"et {more} autres listes", f"and {more} more lists"))


def _dns(settings: Settings) -> Iterator[Finding]:
    domain, selector = settings.domain, settings.dkim_selector
    yield _record(domain, "MX", lambda text: bool(text), f"{domain}. MX 10 {settings.name}.")
    yield _record(domain, "TXT", lambda text: text.startswith("v=spf1"), f'{domain}. TXT "v=spf1 mx -all"')
    name = f"{selector}._domainkey.{domain}"
    try:
        wanted = dns_record(settings.secret(f"dkim-{selector}.pem"))
    except SettingsError:
        wanted = ""
    yield _record(name, "TXT", lambda text: text == wanted, f'{name}. TXT "{wanted}"')
    name = f"_dmarc.{domain}"
    record = f'{name}. TXT "v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}"'
    yield _record(name, "TXT", lambda text: text.startswith("v=DMARC1"), record)


def _record(name: str, kind: str, is_good: Callable[[str], bool], record: str) -> Finding:
    remedy = Said(f"publiez : {record}", f"publish: {record}")
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=DNS_SECONDS)
        texts = [record.to_text() if kind == "MX" else b"".join(record.strings).decode() for record in answer]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return Finding(
            "dns",
            Grade.WARNING,
            Said(f"{name} n’a pas d’enregistrement {kind}", f"{name} has no {kind} record"),
            remedy,
        )
    except (dns.exception.DNSException, OSError) as error:
        return Finding(
            "dns",
            Grade.WARNING,
            Said(
                f"{name} {kind} ne répond pas ({type(error).__name__})",
                f"{name} {kind} cannot be looked up ({type(error).__name__})",
            ),
            remedy,
        )
    if any(is_good(text) for text in texts):
        return Finding("dns", Grade.OK, Said(f"{name} {kind} est publié", f"{name} {kind} is published"))
    return Finding(
        "dns", Grade.WARNING, Said(f"{name} {kind} n’est pas le nôtre", f"{name} {kind} is not ours"), remedy
    )
