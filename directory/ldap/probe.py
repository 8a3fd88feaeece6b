"""Asks an external directory one question, for the doctor."""

import asyncio

import ldap3

from directory.ldap.pool import Pool
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.model.errors import Temporary


def probe(settings: Settings) -> str:
    """What is wrong with the directory of the section [ldap], in one line; empty when it answers."""
    section = settings.ldap
    if section is None:
        return ""
    try:
        password = settings.secret(section.password_file).decode("utf-8") if section.password_file else ""
        pool = Pool(section, password)
    except (SettingsError, UnicodeDecodeError) as error:
        return str(error)
    try:
        found = asyncio.run(pool.run(lambda connection: _base_exists(connection, section.base)))
    except Temporary as error:
        return f"{section.url}: {error}"
    finally:
        pool.close()
    return "" if found else f"{section.url} has no entry {section.base}"


def _base_exists(connection: ldap3.Connection, base: str) -> bool:
    found, _, _, _ = connection.search(base, "(objectClass=*)", ldap3.BASE, attributes=["1.1"])
    return bool(found)
