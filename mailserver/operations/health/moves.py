"""A move that was begun and not ended: what changes is written down for it, for ever if nobody ends it."""

from collections.abc import Iterator

from mailserver.foundation.settings import Settings
from mailserver.model.errors import Temporary
from mailserver.operations.health.findings import Finding, Grade
from mailserver.store.moving import journal
from mailserver.store.upkeep import copying
from mailserver.texts.text import Text, Untranslated


def examine_moves(settings: Settings) -> Iterator[Finding]:
    """Nothing where there is none."""
    if copying.is_sqlite(settings.database_url) and not copying.sqlite_file(settings.database_url).exists():
        return
    try:
        count = journal.count(settings.database_url)
    except Temporary:
        return  # the look at the database has said so
    if count is not None:
        yield Finding(
            "database",
            Grade.WARNING,
            Text("un déplacement a commencé : {count} changements sont notés pour lui", count=count),
            Untranslated(
                f"mailserver move {settings.directory} --to URL; mailserver move {settings.directory} --abandon"
            ),
        )
