"""Doors, store, networks, directory and log of an instance."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mailserver.foundation.settings.checks import (
    MOST_OCTETS,
    MOST_SECONDS,
    CertificateName,
    NameServer,
    Network,
    check_acme_directory,
    check_collector,
    check_database_url,
    check_datagram_socket,
    check_directory_url,
    check_file_name,
    check_listen_address,
    check_log_file,
    check_mailbox,
    check_octets_url,
    check_program,
    check_url,
)
from mailserver.foundation.settings.section import Section

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


class Listen(Section):
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
    redirect: int = Field(default=0, ge=0, le=65535)
    """Plain HTTP for everybody: leads to `https`, and answers certificate authorities (ACME, http-01)."""

    @model_validator(mode="after")
    def _check_ports(self) -> Self:
        doors: dict[int, str] = {}
        for name, port in self.model_dump(exclude={"address"}).items():
            if port and port in doors:
                raise ValueError(f"{doors[port]} and {name} have the same port {port}; each door needs one of its own")
            doors[port] = name
        return self


class Database(Section):
    """Where the store lives. Empty url: SQLite in DIR/data/mail.db."""

    url: Annotated[str, AfterValidator(check_database_url)] = ""
    readers: int = Field(default=4, ge=1, le=32)
    """Threads that read."""
    writers: int = Field(default=4, ge=1, le=32)
    """PostgreSQL only: connections that commit in parallel."""
    clock_warning: float = Field(default=5, ge=0.5, le=3600)
    """PostgreSQL only: from so many seconds on a host's clock differs from the database's so much that it is told."""
    clock_fault: float = Field(default=60, ge=1, le=86400)
    """From so many on it is a fault, for the log and for `check`; the host goes on serving, by the database's clock."""


class Octets(Section):
    """Where the files of large messages lie. Empty url: in DIR/data/blobs."""

    url: Annotated[str, AfterValidator(check_octets_url)] = ""
    """`s3://bucket/prefix`, or the path of a folder that every host reaches, on a shared file system."""
    endpoint: Annotated[str, AfterValidator(check_url)] = ""
    """Of object storage that is not Amazon's: https://s3.exemple.fr."""
    region: str = Field(default="us-east-1", pattern=r"^[A-Za-z0-9-]{1,40}$")
    seconds: int = Field(default=60, ge=5, le=600)
    """One call may take, with all its octets; after 5 without any it has failed."""
    cache: int = Field(default=1024**3, ge=0)
    """Octets of copies of what was read, in DIR/data/octets-cache; 0: none."""

    @property
    def is_bucket(self) -> bool:
        return self.url.startswith("s3://")


class Storage(Section):
    """How stored mail is kept from housekeeping's mistakes."""

    quarantine_days: int = Field(default=7, ge=1, le=365)
    """Days that the file of a large message which nothing refers to any more is kept."""
    collection_percent: int = Field(default=10, ge=1, le=100)
    """Of a hundred stored contents (or files), how many may be collected in a day; more wait for an operator."""
    collection_floor: int = Field(default=1000, ge=0)
    """Contents that may be collected in a day whatever their share."""
    stray_floor: int = Field(default=20, ge=0)
    """Files that no row names: the same."""
    backup_days: int = Field(default=2, ge=0, le=365)
    """A last backup of so many days is too old, for `check`; 0: nobody asks."""
    full_percent: int = Field(default=95, ge=50, le=100)
    """A disk that is used so far is full, for `check` and /etat."""
    free_octets: int = Field(default=256 * 1024 * 1024, ge=0)
    """The same: a disk with less room."""


class Retention(Section):
    """How long what people removed can be brought back."""

    deleted_days: int = Field(default=30, ge=0, le=365)
    """Days that messages are kept which somebody removed for good, and deleted events and contacts; 0: until the
    housekeeper's next round."""


class Limits(Section):
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
    drain_seconds: int = Field(default=30, ge=0, le=3600)
    """At a restart, for clients of the processes before: what is not over by then is ended."""
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


class Proxy(Section):
    """Proxies (HAProxy) before our doors, which say from where a connection really comes."""

    networks: tuple[Network, ...] = ()
    """Where they are. A connection from there begins with a PROXY header (version 1 or 2), at every door."""
    web: Literal["protocol", "forwarded", "x-forwarded"] = "protocol"
    """How they say it at the web doors: by a PROXY header, by `Forwarded` (RFC 7239), or by `X-Forwarded-For` and
    `X-Forwarded-Proto`. Only that one is read: a proxy passes on what clients wrote in the others."""


class NameService(Section):
    """Name servers that are asked about mail (exchangers of other domains, SPF, keys, policies), and by `SafeFetch`."""

    nameservers: tuple[NameServer, ...] = ()
    """`192.0.2.53`, `127.0.0.1:5353`, `[2001:db8::53]:5353`, three at most are asked; empty: those of the system."""
    validating: Literal["loopback", "yes", "no"] = "loopback"
    """Whose word is taken that DNSSEC has validated an answer (the bit AD): that of servers of this machine, of all
    of them, of none. Without it there is no DANE."""


class LdapDirectory(Section):
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


class Tracing(Section):
    """Traces for OpenTelemetry."""

    url: Annotated[str, AfterValidator(check_collector)] = ""
    """Where a collector takes OTLP over HTTP, `http://127.0.0.1:4318/v1/traces`; empty: nothing is traced."""
    share: float = Field(default=0.01, ge=0, le=1)
    """Of all transactions, commands and pages."""
    seconds: float = Field(default=5.0, ge=0.1, le=60)
    """Between two deliveries to the collector."""


class Metrics(Section):
    """Who may read `/metrics`."""

    networks: tuple[Network, ...] = ()
    """From where, besides this machine itself."""
    token_file: Annotated[str, AfterValidator(check_file_name)] = ""
    """Name of a file in DIR/secrets: its content is to be shown as bearer token, from this machine, too."""


class Acme(Section):
    """A certificate authority that issues by ACME (RFC 8555), and how it is shown that names are ours."""

    agree_to_terms: bool = False
    """The operator agrees to the terms of the authority's service; without it nobody is asked."""
    directory: Annotated[str, AfterValidator(check_acme_directory)] = LETS_ENCRYPT
    staging: Annotated[str, AfterValidator(check_acme_directory)] = LETS_ENCRYPT_STAGING
    """Where `--dry-run` asks."""
    email: Annotated[str, AfterValidator(check_mailbox)] = ""
    """Whom the authority may write to."""
    names: tuple[CertificateName, ...] = Field(default=(), max_length=100)
    """Hosts of the certificate; empty: ours alone."""
    challenge: Literal["http-01", "dns-01"] = "http-01"
    hook: Annotated[str, AfterValidator(check_program)] = ""
    """dns-01: the program that publishes a TXT record."""
    hook_seconds: int = Field(default=180, ge=1, le=1800)
    """How long it may take for one record."""
    reuse_key: bool = True
    """The key of a renewed certificate is that of the one before, so that DANE records stay."""
    ca_file: str = ""
    """Authorities that sign the directory's own certificate; empty: those that certifi knows."""
    eab_kid: str = ""
    """External account binding: the key's name; the key is `acme-eab` in DIR/secrets."""

    @model_validator(mode="after")
    def _check_challenge(self) -> Self:
        if self.challenge == "dns-01" and not self.hook:
            raise ValueError("[acme] challenge dns-01 needs a hook")
        if self.challenge == "http-01" and any(name.startswith("*.") for name in self.names):
            raise ValueError("[acme] names: *. needs the challenge dns-01")
        return self


Level = Literal["debug", "info", "warning", "error"]


class Log(Section):
    """How the service speaks to its operators."""

    level: Level = "info"
    levels: dict[Annotated[str, Field(max_length=32)], Level] = Field(default={}, max_length=64)
    """Of single parts, by the name that they speak by: `{ relay = "debug" }`."""
    format: Literal["console", "json"] = "console"
    to: Literal["stderr", "journald", "syslog", "file"] = "stderr"
    syslog: Annotated[str, AfterValidator(check_datagram_socket)] = "/dev/log"
    """A socket of this machine, or `127.0.0.1:514` by UDP."""
    file: Annotated[str, AfterValidator(check_log_file)] = "log/mailserver.log"
    """Below the instance's folder, or from the root on."""
    rotate_size: int = Field(default=64 * 1024 * 1024, ge=0, le=MOST_OCTETS)
    """The file is moved aside at so many octets; 0: somebody else does (logrotate)."""
    rotate_count: int = Field(default=8, ge=1, le=1000)
    """Files that are kept besides."""
