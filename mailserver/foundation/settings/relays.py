"""By which servers mail leaves: relays of the settings, for whom they are, and how they are logged in to."""

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mailserver.foundation.settings.checks import (
    CertificateName,
    MailDomain,
    NextHop,
    SettingFault,
    check_file_name,
)
from mailserver.foundation.settings.section import Section
from mailserver.model.identity import Role
from mailserver.texts.text import Text

MOST_RELAYS = 64
MOST_CONDITIONS = 200
"""Domains of one relay."""


class Security(StrEnum):
    """How a connection to a relay is protected."""

    OFFERED = "offered"
    """STARTTLS where it is offered, whoever answers; else in the clear."""
    REQUIRED = "required"
    """STARTTLS, with a certificate for the relay's name; else nothing is sent."""
    IMPLICIT = "implicit"
    """TLS from the first octet (RFC 8314), with such a certificate."""


def check_source(text: str) -> str:
    """An address of this machine."""
    try:
        found = ip_address(text)
    except ValueError:
        found = None
    if found is None or found.is_unspecified or found.is_multicast or (found.version == 6 and found.scope_id):
        raise SettingFault(
            Text("{text} n’est pas une adresse de cette machine comme 192.0.2.10 ou 2001:db8::10", text=text)
        )
    return str(found)


def check_sources(found: tuple[str, ...]) -> tuple[str, ...]:
    """At most one of each family: which of two is dialled from would be left to chance."""
    if len({ip_address(one).version for one in found}) < len(found):
        raise SettingFault(Text("deux adresses de la même famille : une IPv4 et une IPv6 au plus"))
    return found


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Conditions = tuple[frozenset[str], frozenset[str], frozenset[str]]
"""Recipients, roles, senders."""
Source = Annotated[str, AfterValidator(check_source)]
Sources = Annotated[tuple[Source, ...], BeforeValidator(_several), AfterValidator(check_sources)]


class OutboundRelay(Section):
    """A server that takes mail for other domains; with conditions, some of it."""

    host: NextHop = ""
    """`host:port`; empty: the recipients' own exchangers, which are dialled from `source`."""
    priority: Annotated[int, Field(ge=0, le=65535)] = 10
    """Among relays of the same conditions the lowest is tried first."""
    weight: Annotated[int, Field(ge=1, le=65535)] = 1
    """Its share among those of the same priority."""
    recipients: tuple[CertificateName, ...] = Field(default=(), max_length=MOST_CONDITIONS)
    """Domains of recipients, `*.gouv.fr` for all below; empty: all."""
    senders: tuple[MailDomain, ...] = Field(default=(), max_length=MOST_CONDITIONS)
    """Domains of senders; empty: all."""
    roles: tuple[Role, ...] = ()
    """Of whom it takes mail; empty: of everybody, and of the service itself."""
    tls: Literal["", "offered", "required", "implicit"] = ""
    """Empty: `implicit` for port 465, `required` with a login, else `offered`."""
    ca_file: str = ""
    """File of the authorities that sign its certificate; empty: the system's."""
    login: str = Field(default="", max_length=255)
    password_file: Annotated[str, AfterValidator(check_file_name)] = ""
    """Name of a file in DIR/secrets with the password of `login`."""
    source: Sources = ()
    """Addresses of this machine to dial it from; empty: those of the whole section."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.host and (self.tls or self.ca_file or self.login):
            raise SettingFault(Text("tls, ca_file et login ne valent que pour un relais qui a un host"))
        if bool(self.login) != bool(self.password_file):
            raise SettingFault(Text("login et password_file vont ensemble"))
        if not self.login.isprintable():
            raise SettingFault(Text("login : une ligne sans caractère de contrôle"))
        if self.login and self.security is Security.OFFERED and not self.is_here:
            raise SettingFault(
                Text('le mot de passe de {host} passerait en clair : tls = "required" ou "implicit"', host=self.host)
            )
        return self

    @property
    def name(self) -> str:
        """Its host, an address without brackets."""
        return self.host.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])

    @property
    def is_here(self) -> bool:
        """Whether it is this machine: nobody reads what goes there."""
        return self.name == "localhost" or is_loopback(self.name)

    @property
    def security(self) -> Security:
        if self.tls:
            return Security(self.tls)
        if self.host.endswith(":465"):
            return Security.IMPLICIT
        return Security.REQUIRED if self.login else Security.OFFERED

    @property
    def conditions(self) -> Conditions:
        """For whom it is; those of the same conditions stand in for each other."""
        return frozenset(self.recipients), frozenset(self.roles), frozenset(self.senders)


Relays = Annotated[tuple[OutboundRelay, ...], Field(max_length=MOST_RELAYS)]


def check_relays(relays: Sequence[OutboundRelay]) -> None:
    """Raises SettingFault: who stands in for whom must be clear."""
    groups: dict[Conditions, list[str]] = {}
    for relay in relays:
        groups.setdefault(relay.conditions, []).append(relay.host)
    for hosts in groups.values():
        if len(hosts) > 1 and "" in hosts:
            raise SettingFault(Text("un relais sans host ne partage ses conditions avec aucun autre"))
        for host in hosts:
            if hosts.count(host) > 1:
                raise SettingFault(Text("{host} : deux fois sous les mêmes conditions", host=host))


def is_loopback(text: str) -> bool:
    """Whether this is an address of the machine's own."""
    try:
        return ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False
