"""Settings of one instance, read from DIR/mailserver.toml. Nothing else reads configuration.

Every model is frozen and refuses unknown names, so that a misspelt setting is an error with its place,
never a silent default. Sizes are octets, times are seconds.

A running service takes changed settings over (`Settings.adopt`, at SIGHUP): sections stay the objects that they are and
get new values. So a section may be kept, its values are read where they are used.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from mailserver.foundation.setting_checks import (
    MOST,
    MOST_DAYS,
    MOST_OCTETS,
    MOST_SECONDS,
    Days,
    HostName,
    MailDomain,
    NameServer,
    Network,
    NextHop,
    OptionalHostName,
    Seconds,
    check_database_url,
    check_directory_url,
    check_file_name,
    check_listen_address,
    check_mailbox,
    check_mark,
    check_program,
    check_scanner,
    check_url,
    check_zone,
)
from mailserver.texts.languages import ENGLISH
from mailserver.texts.text import Text, Untranslated

FILE_NAME = "mailserver.toml"

AT_START = (
    *("domain", "hostname", "aliases", "workers", "dkim_selector", "listen", "database", "storage", "ldap", "login"),
    "web.timezone",
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


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _check_kinds(cls, values: object) -> object:
        """TOML has kinds of its own: `true`, "25" and 25.0 are no whole numbers, and 1 and "yes" are not `true`."""
        for name, value in values.items() if isinstance(values, dict) else ():
            kind = cls.model_fields[name].annotation if name in cls.model_fields else None
            if kind is int and (type(value) is not int or abs(value) > MOST):
                raise ValueError(f"{name} is no whole number, or too large a one")
            if kind is bool and type(value) is not bool:
                raise ValueError(f"{name} is neither true nor false")
        return values


class Listen(_Section):
    """Addresses of the doors. `http` must be a loopback address."""

    address: Annotated[str, AfterValidator(check_listen_address)] = "127.0.0.1"
    smtp: int = Field(default=2525, ge=0, le=65535)
    submission: int = Field(default=2587, ge=0, le=65535)
    submissions: int = Field(default=2465, ge=0, le=65535)
    lmtp: int = Field(default=2424, ge=0, le=65535)
    imap: int = Field(default=2143, ge=0, le=65535)
    imaps: int = Field(default=2993, ge=0, le=65535)
    sieve: int = Field(default=4190, ge=0, le=65535)
    """ManageSieve (RFC 5804)."""
    ldap: int = Field(default=3389, ge=0, le=65535)
    ldaps: int = Field(default=3636, ge=0, le=65535)
    http: int = Field(default=8080, ge=0, le=65535)
    https: int = Field(default=8443, ge=0, le=65535)

    @model_validator(mode="after")
    def _check_ports(self) -> Self:
        doors: dict[int, str] = {}
        for name, port in self.model_dump(exclude={"address"}).items():
            if port and port in doors:
                raise ValueError(f"{doors[port]} and {name} have the same port {port}; each door needs one of its own")
            doors[port] = name
        return self


class Database(_Section):
    """Where the store lives. Empty url: SQLite in DIR/data/mail.db."""

    url: Annotated[str, AfterValidator(check_database_url)] = ""
    readers: int = Field(default=4, ge=1, le=32)
    """Threads that read."""
    writers: int = Field(default=4, ge=1, le=32)
    """PostgreSQL only: connections that commit in parallel."""


class Storage(_Section):
    """How stored mail is kept from housekeeping's mistakes."""

    quarantine_days: int = Field(default=7, ge=1, le=365)
    """Days that the file of a large message which nothing refers to any more is kept."""
    collection_percent: int = Field(default=10, ge=1, le=100)
    """Of a hundred stored contents (or files), how many may be collected in a day; more wait for an operator."""
    collection_floor: int = Field(default=1000, ge=0)
    """Contents that may be collected in a day whatever their share."""
    stray_floor: int = Field(default=20, ge=0)
    """Files that no row names: the same."""
    full_percent: int = Field(default=95, ge=50, le=100)
    """A disk that is used so far is full, for `check` and /etat."""
    free_octets: int = Field(default=256 * 1024 * 1024, ge=0)
    """The same: a disk with less room."""


class Limits(_Section):
    """Bounds on what peers may send."""

    message_size: int = Field(default=50 * 1024 * 1024, ge=1024, le=MOST_OCTETS)
    recipients: int = Field(default=5000, ge=100)
    """Per SMTP transaction (RFC 5321 section 4.5.3.1.8 asks for 100 at least)."""
    connections: int = Field(default=20_000, ge=1)
    """Open connections of one worker, per door."""
    connections_per_peer: int = Field(default=50, ge=1)
    """From one address (of IPv6: one /64), of peers that have not proved who they are; loopback is exempt."""
    known_networks: tuple[Network, ...] = ()
    """Schools and relays behind one address: from an address in these there may be more."""
    connections_per_known_peer: int = Field(default=2000, ge=1)
    connections_per_account: int = Field(default=200, ge=1)
    """Of peers that have proved to be one account."""
    handshake_seconds: int = Field(default=10, ge=1)
    """From a connection to a TLS port, or STARTTLS, until TLS is there."""
    header_size: int = Field(default=1024 * 1024, ge=4096, le=1536 * 1024)
    """Of a message's header, whichever way it comes: with our own fields on top it stays within what is read for
    fields (`mime.header.headers.MAX_HEADER`)."""
    header_fields: int = Field(default=10_000, ge=100)
    """Fields of it."""
    quota: int = Field(default=5 * 1024**3, ge=0)
    """Octets of mail per account unless set on the account; 0: none."""
    quota_messages: int = Field(default=0, ge=0)
    """Messages per account unless set on the account; 0: any number."""
    command_messages: int = Field(default=1_000_000, ge=1000)
    """Messages that one IMAP command works on (RFC 9738 section 3); clients that do not know of it see no others."""
    hops: int = Field(default=50, ge=10)
    """Received fields in a message before it is a loop (RFC 5321 section 6.3)."""
    login_failures: int = Field(default=10, ge=1)
    """Wrong guesses per account and per address within the window before waiting."""
    login_window: int = Field(default=900, ge=1, le=MOST_SECONDS)


class Proxy(_Section):
    """Proxies (HAProxy) before our doors, which say from where a connection really comes."""

    networks: tuple[Network, ...] = ()
    """Where they are. A connection from there begins with a PROXY header (version 1 or 2), at every door."""
    web: Literal["protocol", "forwarded", "x-forwarded"] = "protocol"
    """How they say it at the web doors: by a PROXY header, by `Forwarded` (RFC 7239), or by `X-Forwarded-For` and
    `X-Forwarded-Proto`. Only that one is read: a proxy passes on what clients wrote in the others."""


class Outbound(_Section):
    """How mail for other domains leaves."""

    smarthost: NextHop = ""
    """`host:port` that takes everything; empty: the recipients' own exchangers."""
    routes: dict[HostName, NextHop] = {}
    """Static routes, domain -> `host:port`."""
    port: int = Field(default=25, ge=1, le=65535)
    retry: tuple[Seconds, ...] = Field(default=(60, 300, 900, 1800, 3600, 7200, 14400), min_length=1, max_length=100)
    """Delay before each further attempt; the last one repeats."""
    lifetime: int = Field(default=4 * 86400, ge=60, le=MOST_SECONDS)
    """A message older than this is given up (RFC 5321 section 4.5.4.1)."""
    delay_warning: int = Field(default=4 * 3600, ge=60, le=MOST_SECONDS)
    concurrency: int = Field(default=10, ge=1)
    timeout: int = Field(default=120, ge=1, le=MOST_SECONDS)


class Smtp(_Section):
    """What other servers may do, at the exchange and over LMTP."""

    own_domain_from_outside: Literal["refuse", "authenticated", "accept"] = "refuse"
    """Mail whose sender (MAIL FROM) or author (From) is in one of our domains, from a peer that is no relay;
    `authenticated`: taken where our own DNS stands behind it (SPF, or a signature of ours that came through a list)."""
    mta_sts: Literal["off", "testing", "enforce"] = "testing"
    """The policy at https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461), for who publishes the records of
    `mailserver dns`; `enforce`: others keep mail rather than send it without TLS and a certificate for our name."""
    relays: tuple[Network, ...] = ("127.0.0.0/8", "::1/128")
    """Networks of peers that pass on what people of the house wrote elsewhere, and look after who may."""


class Junk(_Section):
    """What is done about junk mail from outside."""

    filter: bool = True
    """The filter of the house judges, once it has learned enough, and puts junk into the Spam folder."""
    learn: bool = True
    """What people move into Spam and out of it teaches the filter, their own and the academy's."""
    threshold: int = Field(default=990, ge=600, le=1000)
    """How sure the filter must be, in thousandths."""
    least: int = Field(default=100, ge=10, le=100_000)
    """Messages of junk, and as many good ones, that a model must have learned before it judges."""
    rspamd: NextHop = ""
    """`host:port` of an rspamd (its worker "normal") that judges in the filter's place; empty: none."""
    clamd: Annotated[str, AfterValidator(check_scanner)] = ""
    """`host:port` or `unix:/path` of a clamd; a message with a virus is held for IT, or not sent. Empty: none."""
    virus_days: int = Field(default=30, ge=1, le=365)
    """How long a message with a virus is held."""
    scanner_away: Literal["accept", "refuse"] = "accept"
    """What becomes of mail while a scanner cannot be asked: it is taken unasked, or told to come later (451)."""
    scanner_seconds: int = Field(default=20, ge=1, le=300)
    scanned_octets: int = Field(default=10 * 1024 * 1024, ge=1024, le=MOST_OCTETS)
    """Of a larger message clamd is shown the beginning, and rspamd nothing."""


class PeerLimits(_Section):
    """What one peer (an address; of IPv6, one /64) may bring to the port `smtp`. Loopback and relays are exempt."""

    enabled: bool = True
    connections_per_minute: int = Field(default=240, ge=1)
    connections_per_hour: int = Field(default=6000, ge=1)
    messages_per_minute: int = Field(default=240, ge=1)
    messages_per_hour: int = Field(default=6000, ge=1)
    recipients_per_minute: int = Field(default=2000, ge=1)
    recipients_per_hour: int = Field(default=20_000, ge=1)
    proven_factor: int = Field(default=10, ge=1, le=1000)
    """What these are multiplied with for peers most of whose messages were shown to come from where they say, and for
    `limits.known_networks`."""
    unknown_recipients: int = Field(default=100, ge=5)
    """In an hour, more than recipients who are here; then the peer is told to come later."""
    tarpit_seconds: int = Field(default=20, ge=0, le=60)
    """The most that an answer about a recipient who is not here waits, once there were several; 0: none waits."""


class Greylisting(_Section):
    """Senders whom nobody knows and no domain answers for are asked to come again (RFC 6647)."""

    enabled: bool = False
    delay_seconds: int = Field(default=300, ge=1, le=3600)
    """From the first attempt until one is taken."""
    window_hours: int = Field(default=48, ge=1, le=240)
    """Within which a sender has to come again, or it begins anew."""
    retention_days: int = Field(default=35, ge=1, le=365)
    """How long who has come again is not asked any more, counted from the last message."""


class Blocklists(_Section):
    """Lists in DNS of addresses that send junk (RFC 5782), which peers of the port `smtp` are looked up in."""

    lists: dict[HostName, Annotated[int, Field(ge=1, le=1000, strict=True)]] = Field(default={}, max_length=8)
    """Zone -> points for a peer that is on it."""
    junk: int = Field(default=50, ge=0)
    """Points from which its mail goes to Spam; 0: none does."""
    reject: int = Field(default=100, ge=0)
    """Points from which its mail is refused, but for `postmaster@` and `abuse@`; 0: none is."""


class NameService(_Section):
    """Name servers that are asked about mail: exchangers of other domains, SPF, keys, policies."""

    nameservers: tuple[NameServer, ...] = ()
    """`192.0.2.53`, `127.0.0.1:5353`, `[2001:db8::53]:5353`, three at most are asked; empty: those of the system."""


class Authentication(_Section):
    """How mail from other servers is authenticated. Peers in `smtp.relays` are not."""

    dmarc: Literal["apply", "note", "off"] = "apply"
    """`apply`: what the author's domain asks is done, and what nobody knows now comes again later; `note`: results are
    kept and shown, nothing is refused or put aside; `off`: nothing is looked up at all."""
    known_lists: tuple[HostName, ...] = ()
    """Domains of mailing lists elsewhere that change messages on their way: what they send (their own SPF or signature
    shows it) is neither refused nor put aside for the policy of its author's domain."""
    trusted_sealers: tuple[HostName, ...] = ()
    """Domains whose ARC seals are believed when they say that a message met its author's policy (RFC 8617); no others
    are looked at."""


class Reports(_Section):
    """Aggregate reports of other servers about our domains."""

    dmarc: Annotated[str, AfterValidator(check_mailbox)] = Field(default="", max_length=320)
    """The address in `rua=` of our DMARC record: what comes to it is read (RFC 7489 section 7.2). Empty: nothing is."""
    tls: Annotated[str, AfterValidator(check_mailbox)] = Field(default="", max_length=320)
    """The address in `rua=` of our TLS-RPT record (RFC 8460); the same."""
    days: int = Field(default=180, ge=1, le=MOST_DAYS)
    """How long what they say is kept."""
    send: bool = False
    """Domains that ask for it (`rua=`) are told each day what this service saw of mail in their name."""


class Impersonation(_Section):
    """Senders elsewhere who are made to be taken for the academy, its services, its people."""

    partners: tuple[MailDomain, ...] = ()
    """Domains elsewhere, and all below them, that may write in the academy's name: nobody is warned of the names that
    their senders have, nor of likeness to a domain of ours. Whether they really sent it is DMARC's to say."""
    subject_mark: Annotated[str, AfterValidator(check_mark)] = Field(default="", max_length=60)
    """Stands before the subject of what imitates somebody whoever gets it, `[Attention : expéditeur imité]`; empty:
    what arrived is left as it is. Written once signatures have been verified; they hold no more afterwards."""


class LdapDirectory(_Section):
    """An external LDAP directory."""

    url: Annotated[str, AfterValidator(check_directory_url)]
    base: str = Field(min_length=1)
    bind_dn: str = ""
    password_file: Annotated[str, AfterValidator(check_file_name)] = ""
    """Name of a file in DIR/secrets."""
    read_only: bool = True
    start_tls: bool = False
    ca_file: str = ""
    cache_seconds: int = Field(default=60, ge=0, le=MOST_SECONDS)
    pool: int = Field(default=4, ge=1, le=64)
    timeout: int = Field(default=10, ge=1, le=MOST_SECONDS)


class Web(_Section):
    """The web interface."""

    academy: str = "Académie"
    """Name shown on the portal."""
    session_hours: int = Field(default=12, ge=1, le=MOST_DAYS)
    shared_session_minutes: int = Field(default=30, ge=5, le=MOST_DAYS)
    help_contact: str = ""
    """Whom to call, shown on the suspended page."""
    url: Annotated[str, AfterValidator(check_url)] = ""
    """Where people find the web interface, `https://mail.ac-exemple.fr`; empty: the host name."""
    timezone: Annotated[str, AfterValidator(check_zone)] = "Europe/Paris"
    admin_networks: tuple[Network, ...] = ()
    """Where the administration console may be opened from, `10.21.0.0/16`; empty: from anywhere. It never hurts the
    command line."""
    offline: bool = True
    """Browsers may install the web interface and keep its last lists and letters for when there is no network."""
    phishing: Annotated[str, AfterValidator(check_mailbox)] = Field(default="", max_length=320)
    """Who is also sent the messages that people report as phishing; those that they pass on to it as attachments, from
    any mail program, are reports, too. Empty: the console alone has them."""
    formatted: bool = False
    """New messages begin formatted in the complete interface, unless a person chose otherwise."""


class Push(_Section):
    """Notifications for browsers that are closed. They pass through the servers of whoever made the browser."""

    enabled: bool = False
    services: tuple[HostName, ...] = (
        "fcm.googleapis.com",
        "push.services.mozilla.com",
        "push.apple.com",
        "notify.windows.com",
    )
    """Hosts, and all below them, that may be asked; a browser of another service cannot subscribe."""


class Previews(_Section):
    """Files of messages as they are looked at in the web interface."""

    libreoffice: Annotated[str, AfterValidator(check_program)] = ""
    """LibreOffice's program, `/usr/bin/soffice`, which makes PDF of .doc, .xls, .ppt, .rtf; empty: they are saved."""


class Passwords(_Section):
    """What people may choose as password, and for how long."""

    profile: Literal["academie", "cnil"] = "academie"
    """`academie`: 8 characters of four kinds, renewed; `cnil`: 80 bits, known passwords refused, never renewed."""
    renewal_days: int = Field(default=365, ge=0, le=MOST_DAYS)
    """Profile `academie` only; 0: never."""
    notice_days: tuple[Days, ...] = (30, 7, 1)
    """When a person is told that the password must be renewed."""
    history: int = Field(default=5, ge=0, le=24)
    """The last passwords that may not come back (profile `academie`)."""
    second_factor: tuple[Literal["teacher", "staff", "pupil", "secretariat", "admin"], ...] = ("admin",)
    """Roles that need a second factor in the web interface."""


class LoginSettings(_Section):
    """Ways of proving who somebody is."""

    scram: bool = False
    """SCRAM-SHA-256 over IMAP: a verifier is kept with each password set from now on."""


class Accounts(_Section):
    """From the first code to the last octet. Days."""

    code_days: int = Field(default=90, ge=1, le=3650)
    """A printed code is good this long."""
    recovery_minutes: int = Field(default=30, ge=5, le=1440)
    """A code sent to the private address is good this long."""
    leaver_days: int = Field(default=60, ge=0, le=MOST_DAYS)
    """Between the day an export no longer names somebody and the closing."""
    closing_notices: tuple[Days, ...] = (30, 10)
    """When a person is told that the account will be closed."""
    reply_days: int = Field(default=30, ge=0, le=MOST_DAYS)
    """How long a closed account answers its mail."""
    reply_text: str = Field(default="", max_length=4000)
    """What it answers unless the closing said; empty: in both languages that nobody reads it any more."""
    grace_days: int = Field(default=90, ge=0, le=MOST_DAYS)
    """How long a closed account can be restored and exported; then it is erased."""
    undo_hours: int = Field(default=24, ge=0, le=MOST_DAYS)
    """How long an import can be taken back."""


class Audit(_Section):
    """The record of who did what to which account. Days."""

    retention_days: int = Field(default=365, ge=1, le=MOST_DAYS)
    trace_days: int = Field(default=30, ge=1, le=365)
    """How long the path of each message is on record: envelope addresses and what became of it."""


class Lists(_Section):
    """Distribution lists."""

    standing: bool = True
    """The living lists of every school and class are there without being made (`directory.lists.virtual_lists`)."""
    standing_writers: Literal["anyone", "house", "personnel", "staff", "members", "owners"] = "personnel"
    """Who may write to them."""
    moderation_days: int = Field(default=14, ge=1, le=365)
    """How long a message waits for a list's owner."""


class Filters(_Section):
    """Sieve scripts of people."""

    redirect: Literal["academy", "anywhere", "never"] = "academy"
    """Where a script may send mail on, and notices of it: to people of this academy, to anybody, to nobody. The rules
    between populations and the brake hold besides."""
    redirects_per_day: int = Field(default=200, ge=0)
    """Of one account, notices included; what is more stays in INBOX."""
    scripts: int = Field(default=30, ge=1, le=1000)
    """Of one account."""
    script_size: int = Field(default=256 * 1024, ge=4096, le=256 * 1024)
    scripts_size: int = Field(default=1024 * 1024, ge=4096, le=MOST_OCTETS)
    """Of all of one account, without their former versions."""


class Log(_Section):
    """How the service speaks to its operators."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(_Section):
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
    storage: Storage = Field(default_factory=Storage)
    outbound: Outbound = Field(default_factory=Outbound)
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
    previews: Previews = Field(default_factory=Previews)
    passwords: Passwords = Field(default_factory=Passwords)
    login: LoginSettings = Field(default_factory=LoginSettings)
    accounts: Accounts = Field(default_factory=Accounts)
    audit: Audit = Field(default_factory=Audit)
    lists: Lists = Field(default_factory=Lists)
    filters: Filters = Field(default_factory=Filters)
    log: Log = Field(default_factory=Log)
    dkim_selector: HostName = "s1"
    directory: Path = Path()
    """The instance's folder; not written in the file."""

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

    def secret(self, name: str) -> bytes:
        """Content of DIR/secrets/name, without the final newline. Raises SettingsError when unreadable."""
        path = self.directory / "secrets" / name
        try:
            return path.read_bytes().rstrip(b"\n")
        except OSError as error:
            raise SettingsError(Untranslated(f"{path}: {error.strerror}")) from None


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
        if isinstance(value, _Section) and name != "ldap":
            for inner in type(value).model_fields:
                yield f"{name}.{inner}", name, inner, getattr(value, inner)
        elif name != "directory":
            yield name, "", name, value


def load(directory: Path) -> Settings:
    """Read DIR/mailserver.toml. Raises SettingsError with one line that names the file and the fault."""
    path = directory / FILE_NAME
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
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
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, UnicodeDecodeError, numbers of 5,000 digits
        raise SettingsError(Untranslated(_line(f"{path}: {error}"))) from None
    try:
        return Settings.model_validate({**data, "directory": directory.resolve()})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise SettingsError(Untranslated(_line(": ".join(filter(None, (str(path), place, what)))))) from None


def _line(text: str) -> str:
    """One line that can be printed, whatever a file says."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
