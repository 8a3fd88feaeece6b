"""The keys that sign what leaves: whether one does, and what each in its calendar waits for."""

from collections.abc import Iterator, Sequence

from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.model.clock import DAY, SystemClock
from mailserver.model.errors import NotThere, Temporary
from mailserver.operations.health.findings import Finding, Grade
from mailserver.operations.health.instance import place_of
from mailserver.outbound.submission.signatures.signing_keys import NoKey, of_file, opened
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import folder_of
from mailserver.store.queue.outbound import dkim_keys
from mailserver.store.queue.outbound.dkim_keys import DkimKey, State
from mailserver.store.upkeep import opening
from mailserver.texts.causes import utc
from mailserver.texts.text import Text

OVERDUE = DAY
"""Seconds that a new key may be unpublished without a warning."""


def stored_keys(settings: Settings) -> list[DkimKey]:
    """The keys that have a row; none where nobody has served yet, or the database cannot be read: the look at it says
    so."""
    try:
        if not opening.look(place_of(settings)):
            return []
        store = Store(
            settings.database_url, settings.data, SystemClock(), Changes(), read_only=True, blobs=folder_of(settings)
        )
        try:
            return store.read_now(dkim_keys.every)
        finally:
            store.close()
    except (NotThere, Temporary, OSError):
        return []


def examine_signing(settings: Settings) -> Iterator[Finding]:
    """Whether what leaves is signed."""
    if not settings.outbound.sign:
        yield Finding("dkim", Grade.OK, Text("rien n’est signé ici ([outbound] sign)"))
        return
    keys = stored_keys(settings)
    if not keys:
        yield _in_file(settings)
        return
    yield _active(settings, [one for one in keys if one.state is State.ACTIVE])
    now = SystemClock().now()
    for one in keys:
        if one.state is State.NEW and now - one.created > OVERDUE:
            text = Text(
                "la clé {selector} attend d’être publiée depuis le {date}", selector=one.selector, date=utc(one.created)
            )
            remedy = Text("`mailserver dkim list {directory}` dit ce qu’il faut publier", directory=settings.directory)
            yield Finding("dkim", Grade.WARNING, text, remedy)


def _in_file(settings: Settings) -> Finding:
    """Before the first message leaves."""
    try:
        of_file(settings)
    except (SettingsError, ValueError) as error:
        return _missing(settings, str(error))
    return Finding("dkim", Grade.OK, Text("la clé {selector} signe ce qui part", selector=settings.dkim_selector))


def _active(settings: Settings, active: Sequence[DkimKey]) -> Finding:
    if not active:
        return _missing(settings, "")
    try:
        opened(settings, active)
    except NoKey as error:
        return Finding(
            "dkim",
            Grade.PROBLEM,
            Text("le courrier qui part attend : la clé DKIM ne s’ouvre pas ({error})", error=str(error)),
            Text("restaurez secrets/hmac d’une sauvegarde, ou faites une nouvelle clé : `mailserver dkim new`"),
        )
    names = ", ".join(one.selector for one in active)
    return Finding("dkim", Grade.OK, Text("{names} : ce qui part est signé", names=names))


def _missing(settings: Settings, error: str) -> Finding:
    text = Text("le courrier qui part attend : aucune clé DKIM ne signe {error}", error=error)
    return Finding(
        "dkim",
        Grade.PROBLEM,
        text,
        Text("restaurez-la d’une sauvegarde, ou `mailserver dkim new {directory}`", directory=settings.directory),
    )
