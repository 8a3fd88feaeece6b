"""A new instance on disk: settings file, secrets, certificate, database."""

import datetime
import json
import secrets
from pathlib import Path

from mailserver.foundation.settings import FILE_NAME, Settings, SettingsError, load
from mailserver.foundation.tls import make_certificate, write_secret
from mailserver.outbound.submission.signatures.dkim import new_key
from mailserver.store.octets.files import folder_of
from mailserver.store.upkeep import opening, trial_database
from mailserver.store.upkeep.opening import Place
from mailserver.texts.text import Text

LABELS = ("mail", "imap", "smtp", "ldap", "webmail", "autoconfig", "autodiscover", "mta-sts")
"""Hosts of the domain that the first certificate is for."""
HMAC_BYTES = 32


def create(directory: Path, domain: str, database: str = "") -> Settings:
    """Make everything a server needs except people; the database at this URL, or a file of its own.

    Where `database` is the one that the settings of an instance name, which has no mail yet, it alone is made. Raises
    FileExistsError when DIR holds an instance already, or the database a schema; OSError, SettingsError, Temporary.
    """
    if (directory / FILE_NAME).exists():
        if database:
            return _make_database(directory, database)
        raise FileExistsError(17, "an instance is here already", str(directory / FILE_NAME))
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    for name in ("data", "data/blobs", "secrets", "tls"):
        (directory / name).mkdir(exist_ok=True, mode=0o700)
    write_secret(directory / "secrets" / "hmac", secrets.token_hex(HMAC_BYTES).encode() + b"\n")
    # Without a newline: `ldapsearch -y` takes the whole file for the password.
    write_secret(directory / "secrets" / "ldap-admin", secrets.token_urlsafe(18).encode())
    write_secret(directory / "secrets" / "dkim-s1.pem", new_key())
    make_certificate(
        directory / "tls" / "cert.pem",
        directory / "tls" / "key.pem",
        [*(f"{label}.{domain}" for label in LABELS), domain],
        datetime.datetime.now(datetime.UTC),
    )
    # Last, so that a folder with this file is a whole instance.
    (directory / FILE_NAME).write_text(settings_text(domain, database), encoding="utf-8")
    settings = load(directory)
    opening.make(place_of(settings))
    return settings


def _make_database(directory: Path, database: str) -> Settings:
    settings = load(directory)
    if settings.database_url != database:
        raise SettingsError(
            Text(
                "{path} : [database] url n’est pas la base de --database ; écrivez-la là",
                path=directory / FILE_NAME,
            )
        )
    opening.make(place_of(settings))
    return settings


def place_of(settings: Settings) -> Place:
    """Where the mail of an instance is."""
    return Place(settings.database_url, settings.data, settings.directory, folder_of(settings), _secret(settings))


def _secret(settings: Settings) -> bytes:
    """What tells one instance's secrets from another's. Whoever serves says that they cannot be read."""
    try:
        return settings.secret("hmac")
    except SettingsError:
        return b""


def open_database(settings: Settings, *, beside_others: bool = False) -> None:
    """Bring an instance's database up to date; it is there, and its own. `beside_others`: while others serve it.

    Raises NotThere, NeedsStop, OSError, Temporary.
    """
    opening.open_instance(place_of(settings), beside_others=beside_others)
    trial_database.keep(settings.database_url)


def settings_text(domain: str, database: str = "") -> str:
    """The commented settings file of a new instance; every setting that is not written has its default."""
    chosen = f"\n[database]\nurl = {json.dumps(database)}\n" if database else ""
    return f"""# Settings of this mail service. Everything has a default; deploy/mailserver.toml explains each one.
domain = "{domain}"

[listen]
address = "127.0.0.1"
# smtp = 2525
# submission = 2587
# submissions = 2465
# lmtp = 2424
# imap = 2143
# imaps = 2993
# sieve = 4190
# ldap = 3389
# ldaps = 3636
# http = 8080
# https = 8443

[web]
academy = "{domain}"
{chosen}"""
