"""What every import begins with, whoever asks for it: the files as an export, the target, one import at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from directory.imports.deciding import Terms
from directory.imports.intake import Intake
from directory.imports.sources import aaf
from directory.imports.sources.records import Export
from directory.imports.sources.rows import CsvExport
from directory.imports.sources.text_encoding import Encoding
from directory.imports.target import Target
from directory.imports.targets.embedded import EmbeddedTarget
from directory.imports.targets.external import open_target
from directory.imports.targets.restoring import Ending
from directory.issuing.hashing import Passwords
from mailserver.foundation.settings import Settings
from mailserver.foundation.verifiers import Verifiers
from mailserver.model.clock import DAY
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.errors import BadSyntax, Temporary
from mailserver.store.engine import host_locks
from mailserver.store.engine.transactions import Store
from mailserver.store.people import schools
from mailserver.store.record.audit import Origin
from mailserver.texts.causes import Cause


@contextlib.contextmanager
def export_of(
    settings: Settings,
    store: Store,
    paths: Sequence[Path],
    source: str,
    *,
    full: bool,
    encoding: Encoding = Encoding.AUTO,
) -> Iterator[Export]:
    """The files, folders or archives as an export; AAF is known by its content. Raises BadSyntax, OSError."""
    if all(aaf.recognises(path) for path in paths):
        # A delta names schools by numbers that an earlier export gave them.
        known = {school.source_key: school.uai for school in store.read_now(schools.listing) if school.source_key}
        today = datetime.fromtimestamp(store.clock.now(), ZoneInfo(settings.web.timezone)).date()
        with aaf.open_export(paths, known, today, source or "aaf", full=full) as export:
            yield export
    elif any(path.is_dir() for path in paths):
        raise BadSyntax(Cause("no-aaf"))
    elif len(paths) == 1:
        yield CsvExport(paths[0], source or "csv", full=full, encoding=encoding)
    else:
        raise BadSyntax(Cause("csv-is-one"))


@contextlib.contextmanager
def intake_of(settings: Settings, store: Store, source: str, origin: Origin, *, full: bool) -> Iterator[Intake]:
    """Imports into the instance's directory, in somebody's name."""
    passwords = Passwords(verifiers=Verifiers.wanted(settings))
    try:
        accounts = settings.accounts
        close_at = int(store.clock.now()) + accounts.leaver_days * DAY
        terms = Terms(source, settings.domain, full, close_at, zone=ZoneInfo(settings.web.timezone))
        ending = Ending(accounts.reply_days * DAY, accounts.grace_days * DAY)
        with _target(settings, store, terms, ending, origin) as target:
            yield Intake(store, target, Proofs(settings.secret("hmac")), passwords, terms, origin)
    finally:
        passwords.close()


@contextlib.contextmanager
def _target(settings: Settings, store: Store, terms: Terms, ending: Ending, origin: Origin) -> Iterator[Target]:
    """The embedded directory, or the LDAP server of the section [ldap]. Raises Refused(READ_ONLY_DIRECTORY)."""
    if settings.ldap is None:
        yield EmbeddedTarget(store, terms, ending, origin)
        return
    with open_target(settings, store, terms, ending, origin) as target:
        yield target


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """One import of an instance at a time, on whichever host: two would issue for the same people.

    Ends with the process. Raises Temporary while another one runs.
    """
    lock = os.open(settings.data / "import.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Temporary(Cause("another-import")) from None
        with host_locks.held(settings.database_url, host_locks.IMPORT) as is_ours:
            if not is_ours:
                raise Temporary(Cause("another-import"))
            yield
    finally:
        os.close(lock)
