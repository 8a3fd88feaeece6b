"""What single settings may be, beyond their type: each check gives back the value as it is used, or raises ValueError.

The text of an error never holds a value that may be a secret (`database.url`).
"""

import re
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from mailserver.model.address import check_domain
from mailserver.model.errors import BadSyntax
from mailserver.texts.languages import ENGLISH
from mailserver.texts.text import Text

DATABASES = ("postgresql", "postgresql+psycopg", "sqlite")
MOST_DAYS = 36_500
MOST_SECONDS = 366 * 86_400
MOST_OCTETS = 1 << 31
"""Of one message: what a stored content may be."""
MOST = 1 << 40


class SettingFault(ValueError):
    """A value that cannot be used, with a sentence about it in both languages."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.to(ENGLISH))
        self.text = text


def check_mail_domain(text: str) -> str:
    """A domain that mail is sent to, with a dot, in lower case and A-labels (IDNA 2008)."""
    name = check_host_name(text)
    if "." not in name:
        raise ValueError(f"{text!r} is no mail domain like ac-exemple.fr")
    return name


def check_host_name(text: str) -> str:
    """A name of a host or a domain, in lower case and A-labels (IDNA 2008); no underscore, no address literal."""
    try:
        name = check_domain(text)
    except BadSyntax:
        name = ""
    if not name or name.startswith("[") or _is_address(name):
        raise ValueError(f"{text!r} is no host name like mail.ac-exemple.fr")
    return name


def check_optional_host_name(text: str) -> str:
    """The same, or nothing."""
    return text and check_host_name(text)


def check_listen_address(text: str) -> str:
    """An IP address, or the name of this machine."""
    if not _is_address(text.partition("%")[0]):
        check_host_name(text)
    return text


def check_next_hop(text: str) -> str:
    """`host:port` or `[address]:port`; empty means none."""
    host, colon, port = text.rpartition(":")
    if text and not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is not host:port")
    return text


def check_scanner(text: str) -> str:
    """`host:port`, or `unix:` and the path of a socket; empty means none."""
    if text.startswith("unix:/"):
        return text
    return check_next_hop(text)


def check_octets_url(text: str) -> str:
    """`s3://bucket` with or without a prefix, or an absolute path; empty means none."""
    if (
        text
        and not text.startswith("/")
        and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,62}(/[A-Za-z0-9._/-]{0,200})?", text)
    ):
        raise ValueError(f"{text!r} is neither like s3://bucket/prefix nor the path of a folder")
    if ".." in text.split("/"):
        raise ValueError(f"{text!r} leads upwards")
    return text


def check_url(text: str) -> str:
    """An address of the web without path, query or final slash; empty means none."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if text and (not good or parts.path or parts.query or parts.fragment or "@" in parts.netloc):
        raise ValueError(f"{text!r} is not like https://mail.ac-exemple.fr")
    return text


def check_acme_directory(text: str) -> str:
    """The address of an ACME directory: always by TLS (RFC 8555 section 6.1); empty means none."""
    try:
        parts = urlsplit(text)
        good = parts.scheme == "https" and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        good = False
    if text and (not good or parts.fragment or not text.isprintable() or " " in text):
        raise ValueError(f"{text!r} is not like https://acme.example/directory")
    return text


def check_certificate_name(text: str) -> str:
    """A host, or `*.` and a domain for every host of it."""
    star = "*." if text.startswith("*.") else ""
    return star + check_mail_domain(text.removeprefix(star))


def check_collector(text: str) -> str:
    """Where spans are taken; empty means nowhere."""
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or not text.isprintable()):
        raise ValueError(f"{text!r} is no address like http://127.0.0.1:4318/v1/traces")
    return text


def check_database_url(text: str) -> str:
    """Of a PostgreSQL or SQLite database; empty means our own file."""
    scheme, _, rest = text.partition("://")
    if text and (scheme not in DATABASES or not rest or re.search(r"[\s\x00-\x1f\x7f]", text)):
        raise ValueError(
            "[database] url is not like postgresql://user:password@host/database or sqlite:////path/mail.db"
        )
    try:
        urlsplit(text if scheme != "sqlite" else "").port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        raise ValueError(
            "[database] url: host or port cannot be read; a password with : / @ [ ] is written in percent code"
        ) from None
    if scheme == "sqlite" and not rest.startswith("/"):
        raise ValueError("[database] url: SQLite has no host; the path of a file follows sqlite:///")
    return text


def check_directory_url(text: str) -> str:
    """Of an LDAP server."""
    try:
        parts = urlsplit(text)
        good = parts.scheme == "ldapi" or (parts.scheme in ("ldap", "ldaps") and parts.hostname and parts.port != 0)
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"{text!r} must begin with ldap://, ldaps:// or ldapi:// and name a server")
    return text


def check_network(text: str) -> str:
    """An address or a network of them."""
    ip_network(text)
    return text


def check_name_server(text: str) -> str:
    """An address, with or without a port; IPv6 with a port in brackets."""
    address, _, port = text[1:].partition("]") if text.startswith("[") else (text, "", "")
    if text.count(":") == 1:
        address, _, port = text.partition(":")
    number = port.lstrip(":") or "53"
    if not (_is_address(address) and number.isascii() and number.isdigit() and 0 < int(number) < 65536):
        raise ValueError(f"{text!r} is no name server like 192.0.2.53, 127.0.0.1:5353 or [2001:db8::53]:5353")
    return text


def check_datagram_socket(text: str) -> str:
    """The path of a socket, or an address with its port."""
    if text.startswith("/") and text.isprintable():
        return text
    address, colon, number = text.rpartition(":")
    if colon and _is_address(address.strip("[]")) and number.isascii() and number.isdigit() and 0 < int(number) < 65536:
        return text
    raise ValueError(f"{text!r} is neither a socket like /dev/log nor an address like 127.0.0.1:514")


def check_log_file(text: str) -> str:
    """A path that does not leave the instance's folder, or one from the root on."""
    if not text or not text.isprintable() or text.endswith("/") or ".." in text.split("/"):
        raise ValueError(f"{text!r} is no file like log/mailserver.log")
    return text


def check_zone(text: str) -> str:
    """A time zone of the IANA database."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is no time zone like Europe/Paris") from None
    return text


def check_file_name(text: str) -> str:
    """Of a file in DIR/secrets, without a folder; empty means none."""
    if "/" in text or "\0" in text or text in (".", ".."):
        raise ValueError(f"{text!r} is not the name of a file in DIR/secrets")
    return text


def check_program(text: str) -> str:
    """The path of a program, from the root on; empty means none."""
    if text and (not text.startswith("/") or not text.isprintable()):
        raise ValueError(f"{text!r} is no path like /usr/bin/soffice")
    return text


def check_mailbox(text: str) -> str:
    """An address that mail is sent to; empty means none."""
    local, at, domain = text.rpartition("@")
    if text and not (local and at and not re.search(r"[\s<>@,;]", local)):
        raise ValueError(f"{text!r} is no address like signalement@ac-exemple.fr")
    if text:
        check_host_name(domain)
    return text


def check_contact(text: str) -> str:
    """An address that mail is sent to, or that of a page; empty means none."""
    if not text.startswith("https://"):
        return check_mailbox(text)
    if not re.fullmatch(r"https://[A-Za-z0-9][!-~]*", text):
        raise ValueError(f"{text!r} is no address like https://ac-exemple.fr/alerte")
    return text


MOST_COUNTED = 1_000_000_000


def check_mark(text: str) -> str:
    """What stands before a subject; empty means nothing."""
    if text and (not text.isprintable() or text != text.strip() or "=?" in text):
        raise ValueError(f"{text!r} cannot stand before a subject: one line of plain text, without blanks around it")
    return text


def check_marks(marks: tuple[int, int]) -> tuple[int, int]:
    """From where something waits, and from where it is refused."""
    hold, refuse = marks
    if not 1 <= hold <= refuse <= MOST_COUNTED:
        raise ValueError(f"{list(marks)}: two numbers from 1 to {MOST_COUNTED}, the second no smaller than the first")
    return marks


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


MailDomain = Annotated[str, AfterValidator(check_mail_domain)]
HostName = Annotated[str, AfterValidator(check_host_name)]
CertificateName = Annotated[str, AfterValidator(check_certificate_name)]
OptionalHostName = Annotated[str, AfterValidator(check_optional_host_name)]
NextHop = Annotated[str, AfterValidator(check_next_hop)]
NameServer = Annotated[str, AfterValidator(check_name_server)]
Network = Annotated[str, AfterValidator(check_network)]
Days = Annotated[int, Field(ge=0, le=MOST_DAYS, strict=True)]
Seconds = Annotated[int, Field(ge=1, le=MOST_SECONDS, strict=True)]
