"""Whether the service that runs is the one that is installed, with the settings that are written."""

from collections.abc import Iterator

from mailserver import __version__
from mailserver.foundation.instance_lock import read_note
from mailserver.foundation.settings import Settings, written
from mailserver.operations.health.findings import Finding, Grade
from mailserver.texts.text import Text, Untranslated


def examine_running(settings: Settings) -> Iterator[Finding]:
    """Nothing where nobody serves the instance on this machine."""
    note = read_note(settings.directory)
    if note is None:
        return
    restart = Untranslated(f"mailserver restart {settings.directory}")
    if note.version != __version__:
        text = Text("la version {served} sert, {installed} est installée", served=note.version, installed=__version__)
        yield Finding("service", Grade.WARNING, text, restart)
    if note.waiting:
        text = Text("ces réglages attendent un redémarrage : {names}", names=note.waiting)
        yield Finding("service", Grade.WARNING, text, restart)
    if written(settings.directory) != note.settings_of:
        text = Text("mailserver.toml a changé depuis que le service l’a lu")
        yield Finding(
            "service", Grade.WARNING, text, Untranslated(f"systemctl reload mailserver (kill -HUP {note.pid})")
        )
    if note.problem:
        text = Text("le dernier redémarrage demandé n’a pas eu lieu : {problem}", problem=note.problem)
        yield Finding("service", Grade.WARNING, text, restart)
