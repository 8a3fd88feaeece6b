"""What a process takes over at SIGHUP: settings that can change while it runs, certificate, log files.

The supervisor reads first and tells the log what came of it; its workers then do the same without a word. What cannot
be used is named there, and everything stays as it was.
"""

from collections.abc import Callable

import structlog

from mailserver.foundation.settings import Settings, SettingsError, load
from mailserver.foundation.structured_logs import log_streams, logs
from mailserver.foundation.tls import read_pair

log = structlog.get_logger("reload")


class Reload:
    """One process's. Made before processes are forked, while the log files have the names they were opened by."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files = log_streams.Files()
        self._waiting: tuple[str, ...] = ()

    def has_lost_terminal(self) -> bool:
        """True when SIGHUP came because the terminal that we write to is gone; from now on nothing is written."""
        return self._files.drop_terminal()

    def tell(self) -> tuple[str, ...]:
        """In the supervisor: take over what can be, and say what was taken, what was not and why. Never raises.

        Returns what waits for a restart.
        """
        if problem := self._files.reopen():
            log.warning("log files not opened again", why=problem)
        try:
            changed = self._settings.adopt(load(self._settings.directory))
        except SettingsError as error:
            log.error("settings not reloaded, those before stay", why=str(error))
        else:
            logs.configure(self._settings.log, self._settings.directory, self._settings.name)
            log.info("settings reloaded", changed=list(changed.taken))
            self._waiting = changed.left
            if changed.left:
                log.warning("needs a restart: " + ", ".join(changed.left))
        try:
            read_pair(self._settings.certificate, self._settings.private_key)
        except SettingsError as error:
            log.error("certificate not reloaded, the one before stays", why=str(error))
        return self._waiting

    def follow(self, renew_certificate: Callable[[], object]) -> None:
        """In a worker: the same without a word."""
        self._files.drop_terminal()
        self._files.reopen()
        try:
            self._settings.adopt(load(self._settings.directory))
        except SettingsError:
            log.debug("settings not reloaded")  # the supervisor says why
        logs.configure(self._settings.log, self._settings.directory, self._settings.name)
        renew_certificate()
