"""What a host says of itself: which one it is, what serves there, and by which settings."""

import hashlib
import hmac
import json
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mailserver import __version__
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.store.engine import migrate
from mailserver.store.engine.transactions import connections_of
from mailserver.store.upkeep.hosts import Host

FILE = "host-id"
"""In DIR/data: which host this is, whatever its name."""
OWN = frozenset(
    {"directory", "workers", "listen", "log", "hostname", "proxy", "dns", "database", "octets", "metrics", "tracing"}
)
"""Settings that hosts may have of their own; of `octets` the place must agree."""
SECRETS = ("hmac", "ldap-admin", "vapid.pem")
FILES = ("charter.txt", "holidays.json")
"""Beside the settings, with the scripts of `sieve/`: what every host reads for itself."""
MOST_SCRIPTS, MOST_OCTETS = 200, 1 << 16
"""That are compared, and of each: they are read every few seconds."""
ACME_SECRETS = ("acme-account.pem", "acme-eab")
"""With which any host may renew the certificate; one that lacks them never does."""


def describe(settings: Settings, identifier: str, workers: int) -> Host:
    """What this host says of itself."""
    return Host(
        id=identifier,
        name=socket.gethostname()[:255],
        version=__version__,
        schema=max(migrate.newest()),
        connections=connections_of(settings.database, workers),
        settings=fingerprints(settings),
    )


def host_id(data: Path) -> str:
    """Which host this is; made when it first serves. Raises OSError."""
    path = data / FILE
    if known := known_id(data):
        return known
    fresh = path.with_name(f".{FILE}-{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(16) + "\n")
    fresh.replace(path)
    return path.read_text("ascii").strip()


def known_id(data: Path) -> str:
    """The same; nothing for one that never served. Raises OSError."""
    with suppress(FileNotFoundError, ValueError):
        known = (data / FILE).read_text("ascii").strip()
        if re.fullmatch(r"[0-9a-f]{32}", known):
            return known
    return ""


def fingerprints(settings: Settings) -> dict[str, str]:
    """By section, what says whether two hosts were told the same, and nothing of what that is."""
    try:
        key = hmac.digest(settings.secret("hmac"), b"settings that hosts must agree on", hashlib.sha256)
    except SettingsError:
        return {}
    told = settings.model_dump(mode="json", exclude=set(OWN))
    told["octets"] = settings.octets.url
    del told["storage"]["backup_days"]  # 0 on those that make no backups
    outbound = told["outbound"]
    for said in (outbound, *outbound["relays"]):  # a host's own addresses
        del said["source"]
    del outbound["source_names"]
    names = (*SECRETS, *(ACME_SECRETS if settings.acme.agree_to_terms else ()))
    told["secrets"] = [_secret(settings, name) for name in names]
    told["files"] = dict(_files(settings.directory))
    return {
        name: hmac.digest(key, json.dumps([name, value], sort_keys=True).encode(), hashlib.sha256).hex()[:16]
        for name, value in told.items()
    }


def _files(directory: Path) -> Iterator[tuple[str, str]]:
    """Each that is there, and what is in it."""
    scripts = sorted(directory.glob("sieve/*.sieve"))[:MOST_SCRIPTS]
    for path in (*(directory / name for name in FILES), *scripts):
        with suppress(OSError), path.open("rb") as file:
            octets = file.read(MOST_OCTETS)
            yield str(path.relative_to(directory)), hashlib.sha256(octets).hexdigest()


def _secret(settings: Settings, name: str) -> str:
    try:
        return settings.secret(name).hex()
    except SettingsError:
        return ""
