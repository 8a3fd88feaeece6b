"""Looks an instance over and says, for each finding, what to do about it. Changes nothing."""

import datetime
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.resolver
from cryptography import x509

from mailserver import workers
from mailserver.dkim import dns_record
from mailserver.errors import Temporary
from mailserver.settings import Settings, SettingsError
from mailserver.store import migrate
from mailserver.tls import server_context

DNS_SECONDS = 4.0
EXPIRY_WARNING_DAYS = 21
SECRETS = ("hmac", "ldap-admin")


class Grade(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    subject: str
    grade: Grade
    text: str
    remedy: str = ""


def examine(settings: Settings, *, dns_too: bool = True) -> Iterator[Finding]:
    """Every finding, most fundamental first."""
    looks: list[Callable[[Settings], Iterator[Finding]]] = [_secrets, _certificate, _database, _ports, _ldap]
    if dns_too:
        looks.append(_dns)
    yield Finding("settings", Grade.OK, f"{settings.directory} serves {', '.join(settings.domains)}")
    for look in looks:
        yield from look(settings)


def _secrets(settings: Settings) -> Iterator[Finding]:
    for name in (*SECRETS, f"dkim-{settings.dkim_selector}.pem"):
        path = settings.directory / "secrets" / name
        try:
            settings.secret(name)
            mode = stat.S_IMODE(path.stat().st_mode)
        except (SettingsError, OSError) as error:
            yield Finding("secrets", Grade.PROBLEM, str(error), "restore it from a backup of the instance")
            continue
        if mode & 0o077:
            yield Finding("secrets", Grade.PROBLEM, f"{path} can be read by others", f"chmod 600 {path}")
        else:
            yield Finding("secrets", Grade.OK, f"{name} is readable by its owner only")


def _certificate(settings: Settings) -> Iterator[Finding]:
    try:
        server_context(settings.certificate, settings.private_key)
        certificate = x509.load_pem_x509_certificate(settings.certificate.read_bytes())
    except (OSError, ValueError) as error:
        yield Finding(
            "tls", Grade.PROBLEM, f"{settings.certificate}: {error}", "put a PEM certificate and its key in tls/"
        )
        return
    days = (certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)).days
    if days < EXPIRY_WARNING_DAYS:
        grade = Grade.PROBLEM if days < 0 else Grade.WARNING
        yield Finding("tls", grade, f"the certificate ends in {days} days", "renew it and restart")
    elif certificate.issuer == certificate.subject:
        yield Finding("tls", Grade.WARNING, "the certificate is self-signed", "replace it before people connect to it")
    else:
        yield Finding("tls", Grade.OK, f"the certificate is good for {days} days")


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        current = migrate.is_current(settings.database_url, settings.data)
    except (Temporary, OSError) as error:
        yield Finding("database", Grade.PROBLEM, str(error), "check [database] url and that it runs")
        return
    if current:
        yield Finding("database", Grade.OK, "reachable, schema current")
    else:
        yield Finding(
            "database", Grade.WARNING, "the schema is older than this version", "`mailserver serve` upgrades it"
        )
    free = os.statvfs(settings.data)
    if free.f_bavail * free.f_frsize < 1 << 30:
        yield Finding("disk", Grade.WARNING, "less than 1 GiB is free", f"make room on the disk of {settings.data}")


def _ports(settings: Settings) -> Iterator[Finding]:
    try:
        os.close(workers.hold(settings.directory))
    except workers.CannotServe:
        yield Finding("ports", Grade.OK, "the instance is running")
        return
    try:
        workers.check_free(settings.listen)
    except workers.CannotServe as problem:
        yield Finding("ports", Grade.PROBLEM, str(problem), "stop the other server or change [listen]")
    else:
        yield Finding("ports", Grade.OK, "every port is free (the instance is not running)")


def _ldap(settings: Settings) -> Iterator[Finding]:
    if settings.ldap is None:
        yield Finding("directory", Grade.OK, "the embedded directory is used")
        return
    from directory.ldap.probe import probe

    problem = probe(settings)
    if problem:
        yield Finding("directory", Grade.PROBLEM, problem, "check [ldap] url, bind_dn and password_file")
    else:
        yield Finding("directory", Grade.OK, f"{settings.ldap.url} answers")


def _dns(settings: Settings) -> Iterator[Finding]:
    domain, selector = settings.domain, settings.dkim_selector
    yield _record(domain, "MX", lambda text: bool(text), f"publish: {domain}. MX 10 {settings.name}.")
    yield _record(domain, "TXT", lambda text: text.startswith("v=spf1"), f'publish: {domain}. TXT "v=spf1 mx -all"')
    name = f"{selector}._domainkey.{domain}"
    try:
        wanted = dns_record(settings.secret(f"dkim-{selector}.pem"))
    except SettingsError:
        wanted = ""
    yield _record(name, "TXT", lambda text: text == wanted, f'publish: {name}. TXT "{wanted}"')
    name = f"_dmarc.{domain}"
    remedy = f'publish: {name}. TXT "v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}"'
    yield _record(name, "TXT", lambda text: text.startswith("v=DMARC1"), remedy)


def _record(name: str, kind: str, is_good: Callable[[str], bool], remedy: str) -> Finding:
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=DNS_SECONDS)
        texts = [record.to_text() if kind == "MX" else b"".join(record.strings).decode() for record in answer]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return Finding("dns", Grade.WARNING, f"{name} has no {kind} record", remedy)
    except (dns.exception.DNSException, OSError) as error:
        return Finding("dns", Grade.WARNING, f"{name} {kind} cannot be looked up ({type(error).__name__})", remedy)
    if any(is_good(text) for text in texts):
        return Finding("dns", Grade.OK, f"{name} {kind} is published")
    return Finding("dns", Grade.WARNING, f"{name} {kind} is not ours", remedy)
