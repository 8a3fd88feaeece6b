"""Settings of one instance, read from DIR/mailserver.toml. Nothing else reads configuration.

Every model is frozen and refuses unknown names, so that a misspelt setting is an error with its place,
never a silent default. Sizes are octets, times are seconds.

A running service takes changed settings over (`Settings.adopt`, at SIGHUP): sections stay the objects that they are and
get new values. So a section may be kept, its values are read where they are used.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from mailserver.foundation.settings.checks import HostName, MailDomain, OptionalHostName, SettingFault
from mailserver.foundation.settings.mail import (
    Authentication,
    Blocklists,
    Filters,
    Greylisting,
    Guards,
    Impersonation,
    Junk,
    Lists,
    Mailings,
    Outbound,
    PeerLimits,
    Reports,
    Sending,
    SendingMarks,
    Smtp,
)
from mailserver.foundation.settings.people import Accounts, Audit, LoginSettings, Passwords, Previews, Push, Quiet, Web
from mailserver.foundation.settings.relays import OutboundRelay, Security
from mailserver.foundation.settings.section import Section
from mailserver.foundation.settings.service import (
    Acme,
    Database,
    LdapDirectory,
    Limits,
    Listen,
    Log,
    Metrics,
    NameService,
    Octets,
    Proxy,
    Retention,
    Storage,
    Tracing,
)
from mailserver.texts.languages import ENGLISH
from mailserver.texts.text import Text, Untranslated

__all__ = [
    "AT_START",
    "FILE_NAME",
    "Accounts",
    "Acme",
    "Audit",
    "Authentication",
    "Blocklists",
    "Changed",
    "Database",
    "Filters",
    "Greylisting",
    "Guards",
    "Impersonation",
    "Junk",
    "LdapDirectory",
    "Limits",
    "Listen",
    "Lists",
    "Log",
    "LoginSettings",
    "Mailings",
    "Metrics",
    "NameService",
    "Octets",
    "Outbound",
    "OutboundRelay",
    "Passwords",
    "PeerLimits",
    "Previews",
    "Proxy",
    "Push",
    "Quiet",
    "Reports",
    "Retention",
    "Security",
    "Sending",
    "SendingMarks",
    "Settings",
    "SettingsError",
    "Smtp",
    "Storage",
    "Tracing",
    "Web",
    "load",
    "parse",
    "written",
]

FILE_NAME = "mailserver.toml"
SECRETS = "MAILSERVER_SECRETS"
SECRET_NAMES = ("hmac", "ldap-admin", "octets", "vapid.pem", "acme-account.pem", "acme-eab")
"""The variable of the environment that may name the folder of secrets."""

AT_START = (
    *("domain", "hostname", "aliases", "workers", "dkim_selector"),
    *("listen", "database", "octets", "storage", "ldap", "login"),
    "web.timezone",
    "tracing",
)
"""Settings, and sections of them, that a running service cannot change: addresses of people, rows and open ports hang
on them."""


class SettingsError(Exception):
    """The settings cannot be used; the text is one clear line that says where and why."""

    def __init__(self, text: Text) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        """As the log says it."""
        return self.text.to(ENGLISH)


class Settings(Section):
    """Everything one instance needs to know."""

    domain: MailDomain
    hostname: OptionalHostName = ""
    """Our name in greetings; empty: the domain."""
    aliases: tuple[MailDomain, ...] = ()
    """Further domains that are ours."""
    workers: int = Field(default=0, ge=0, le=64)
    """0: one per core."""
    listen: Listen = Field(default_factory=Listen)
    database: Database = Field(default_factory=Database)
    limits: Limits = Field(default_factory=Limits)
    proxy: Proxy = Field(default_factory=Proxy)
    octets: Octets = Field(default_factory=Octets)
    storage: Storage = Field(default_factory=Storage)
    retention: Retention = Field(default_factory=Retention)
    outbound: Outbound = Field(default_factory=Outbound)
    sending: Sending = Field(default_factory=Sending)
    guards: Guards = Field(default_factory=Guards)
    mailings: Mailings = Field(default_factory=Mailings)
    smtp: Smtp = Field(default_factory=Smtp)
    peers: PeerLimits = Field(default_factory=PeerLimits)
    greylisting: Greylisting = Field(default_factory=Greylisting)
    blocklists: Blocklists = Field(default_factory=Blocklists)
    junk: Junk = Field(default_factory=Junk)
    dns: NameService = Field(default_factory=NameService)
    authentication: Authentication = Field(default_factory=Authentication)
    reports: Reports = Field(default_factory=Reports)
    impersonation: Impersonation = Field(default_factory=Impersonation)
    ldap: LdapDirectory | None = None
    """None: the embedded directory."""
    web: Web = Field(default_factory=Web)
    push: Push = Field(default_factory=Push)
    quiet: Quiet = Field(default_factory=Quiet)
    previews: Previews = Field(default_factory=Previews)
    passwords: Passwords = Field(default_factory=Passwords)
    login: LoginSettings = Field(default_factory=LoginSettings)
    accounts: Accounts = Field(default_factory=Accounts)
    audit: Audit = Field(default_factory=Audit)
    lists: Lists = Field(default_factory=Lists)
    filters: Filters = Field(default_factory=Filters)
    acme: Acme = Field(default_factory=Acme)
    log: Log = Field(default_factory=Log)
    metrics: Metrics = Field(default_factory=Metrics)
    tracing: Tracing = Field(default_factory=Tracing)
    dkim_selector: HostName = "s1"
    directory: Path = Path()
    """The instance's folder; not written in the file."""

    @model_validator(mode="after")
    def _close_doors(self) -> Self:
        """A directory of its own is asked at its own doors: ours stay closed, and it may have their ports."""
        if self.ldap is not None:
            closed = self.listen.model_copy(update={"ldap": 0, "ldaps": 0})
            object.__setattr__(self, "listen", closed)  # frozen for everybody else
        return self

    @model_validator(mode="after")
    def _check_scram(self) -> Self:
        """In a directory of its own right passwords change behind our back: a verifier would outlive its password."""
        if self.login.scram and self.ldap is not None:
            raise ValueError("login.scram works with the embedded directory only, not with [ldap]")
        return self

    @model_validator(mode="after")
    def _check_reports(self) -> Self:
        """Elsewhere nobody here would see what comes."""
        for name in ("dmarc", "tls"):
            address: str = getattr(self.reports, name)
            if address and address.rpartition("@")[2].lower() not in self.domains:
                raise ValueError(f"[reports] {name}: {address!r} is in none of our domains")
        return self

    def adopt(self, others: "Settings") -> "Changed":
        """Take over the values of `others` that can change while the service runs; what was taken and what was not."""
        taken, left = [], []
        for path, section, name, value in _values(others):
            held = getattr(self, section) if section else self
            if getattr(held, name) == value:
                continue
            if any(path == fixed or path.startswith(f"{fixed}.") for fixed in AT_START):
                left.append(path)
            else:
                held.__dict__[name] = value  # frozen for everybody else
                taken.append(path)
        return Changed(tuple(taken), tuple(left))

    @property
    def name(self) -> str:
        """Host name announced to peers."""
        return self.hostname or self.domain

    @property
    def public_url(self) -> str:
        """Address of the web interface in letters and notices, without a slash at the end."""
        port = "" if self.listen.https in (0, 443) else f":{self.listen.https}"
        return self.web.url or f"https://{self.name}{port}"

    @property
    def domains(self) -> tuple[str, ...]:
        """Domains whose mail is delivered here."""
        return (self.domain, *self.aliases)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def blobs(self) -> Path | None:
        """The folder of large messages; None: they are in object storage."""
        if self.octets.is_bucket:
            return None
        return Path(self.octets.url) if self.octets.url else self.data / "blobs"

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.data / 'mail.db'}"

    @property
    def certificate(self) -> Path:
        return self.directory / "tls" / "cert.pem"

    @property
    def private_key(self) -> Path:
        return self.directory / "tls" / "key.pem"

    @property
    def ldap_base(self) -> str:
        """Suffix of our own tree: `dc=ac-exemple,dc=fr`."""
        return ",".join(f"dc={label}" for label in self.domain.split("."))

    @property
    def secrets(self) -> Path:
        """The folder of keys and passwords: DIR/secrets, or that of the environment."""
        return Path(os.environ.get(SECRETS) or self.directory / "secrets")

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Those that some part of this version asks for, whether they are there or not."""
        chosen = [self.ldap.password_file if self.ldap is not None else "", self.metrics.token_file]
        chosen += dict.fromkeys(relay.password_file for relay in self.outbound.relays)
        return (*SECRET_NAMES, f"dkim-{self.dkim_selector}.pem", *filter(None, chosen))

    def secret(self, name: str) -> bytes:
        """A key or a password, without the final newline: of the environment, else of the folder of secrets.

        Raises SettingsError when unreadable.
        """
        given = os.environ.get(secret_variable(name))
        if given:
            return given.encode().rstrip(b"\n")
        path = self.secrets / name
        try:
            return path.read_bytes().rstrip(b"\n")
        except OSError as error:
            raise SettingsError(Untranslated(f"{path}: {error.strerror}")) from None

    def has_secret(self, name: str) -> bool:
        """Whether there is one, readable or not."""
        return bool(os.environ.get(secret_variable(name))) or (self.secrets / name).exists()


def secret_variable(name: str) -> str:
    """The variable of the environment that may hold a secret: `dkim-s1.pem` is MAILSERVER_SECRET_DKIM_S1_PEM."""
    return "MAILSERVER_SECRET_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of settings that were written anew; `section.name` of each."""

    taken: tuple[str, ...]
    left: tuple[str, ...]
    """These need a restart."""


def _values(settings: Settings) -> Iterator[tuple[str, str, str, object]]:
    """Path, section, name and value of each setting; without a section, and those of `ldap` together, at the top."""
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, Section) and name != "ldap":
            for inner in type(value).model_fields:
                yield f"{name}.{inner}", name, inner, getattr(value, inner)
        elif name != "directory":
            yield name, "", name, value


def written(directory: Path) -> int:
    """When the settings were written, in nanoseconds since the epoch; 0 when there are none."""
    try:
        return (directory / FILE_NAME).stat().st_mtime_ns
    except OSError:
        return 0


def load(directory: Path) -> Settings:
    """Read DIR/mailserver.toml. Raises SettingsError with one line that names the file and the fault."""
    path = directory / FILE_NAME
    try:
        return parse(path.read_text(encoding="utf-8"), directory)
    except FileNotFoundError:
        raise SettingsError(
            Text(
                "{path} : ce fichier n’existe pas ; créez une instance avec `mailserver init {directory}`",
                path=path,
                directory=directory,
            )
        ) from None
    except OSError as error:
        raise SettingsError(Untranslated(f"{path}: {error.strerror}")) from None
    except UnicodeDecodeError as error:
        raise SettingsError(Untranslated(_line(f"{path}: {error}"))) from None


def parse(text: str, directory: Path) -> Settings:
    """What the settings file of a folder says, or would say. Raises SettingsError, as `load` does."""
    path = directory / FILE_NAME
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, numbers of 5,000 digits
        raise SettingsError(Untranslated(_line(f"{path}: {error}"))) from None
    try:
        return Settings.model_validate({**data, "directory": directory.resolve()})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        fault = first.get("ctx", {}).get("error")
        if isinstance(fault, SettingFault):
            values = {name: _line(str(value)) for name, value in fault.text.values.items()}
            said = Text(fault.text.message, **values)
            raise SettingsError(Text("{path} : {place} : {what}", path=path, place=_line(place), what=said)) from None
        what = first["msg"].removeprefix("Value error, ")
        raise SettingsError(Untranslated(_line(": ".join(filter(None, (str(path), place, what)))))) from None


def _line(text: str) -> str:
    """One line that can be printed, whatever a file says."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
