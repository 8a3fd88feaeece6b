"""The directory that the settings ask for."""

from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.identity import Directory
from mailserver.store.engine.transactions import Store


def make_directory(settings: Settings, store: Store, clock: Clock) -> Directory:
    """The adapter the settings ask for: the embedded directory, or an LDAP server."""
    if settings.ldap is None:
        from directory.people.embedded import EmbeddedDirectory

        return EmbeddedDirectory(settings=settings, store=store, clock=clock)
    from directory.ldap import LdapDirectory

    return LdapDirectory(settings=settings, store=store, clock=clock)
