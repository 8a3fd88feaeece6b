"""Figures that no process counts: asked of store, disks and files when somebody wants them, and kept for a moment."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Sequence

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from mailserver import __version__
from mailserver.foundation.metrics.families import PREFIX
from mailserver.foundation.served_certificates import endings
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.operations.backup import kept
from mailserver.operations.health import disk_space
from mailserver.operations.health.service_state import Health, bounded
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.outbound import dkim_keys
from mailserver.store.queue.outbound.dkim_keys import PUBLISHED, DkimKey
from mailserver.store.upkeep import certificates, figures
from mailserver.store.upkeep.figures import MOST_BEHIND, Figures

log = structlog.get_logger("health")

REMEMBERED = 15.0
"""Seconds that an answer is good for, however many ask."""
STORE_SECONDS = 8.0
"""What processes count is told all the same when the store does not answer: Prometheus goes away after ten."""
NOBODY = 0
"""Whose slow read it is."""


class Watched:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, health: Health, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._health = health
        self._clock = clock
        self._looked = -REMEMBERED
        self._found: list[Metric] = []
        self._turn = asyncio.Lock()

    async def metrics(self) -> Sequence[Metric]:
        """As of a few seconds ago at most. What cannot be asked is left out: an absent figure is no zero."""
        async with self._turn:
            if self._clock.monotonic() - self._looked >= REMEMBERED:
                self._found = await self._look()
                self._looked = self._clock.monotonic()
        return self._found

    async def _look(self) -> list[Metric]:
        """All are asked at once: one after the other they would take longer than Prometheus waits."""
        asked = await asyncio.gather(self._states(), self._of_files(), self._of_store())
        return [metric for found in asked for metric in found]

    async def _of_files(self) -> list[Metric]:
        try:
            return await self._health.of_files(lambda: list(self._files()))
        except Temporary as error:
            log.warning("figures of the disks are missing", why=str(error))
            return []

    async def _of_store(self) -> list[Metric]:
        """As many as it tells in time."""
        found: list[Metric] = []
        try:
            await bounded(self._ask_store(found), STORE_SECONDS)
        except Temporary as error:
            log.warning("figures of the store are missing", why=str(error))
        return found

    async def _ask_store(self, found: list[Metric]) -> None:
        """Raises Temporary."""
        found += _of_store(await self._store.read_slow(NOBODY, figures.take))
        found.append(_keys(await self._store.read(dkim_keys.every)))
        if self._settings.acme.agree_to_terms:
            failures = float((await self._store.read(certificates.get)).failures)
            found.append(_gauge("certificate_failures", "Renewals that failed since a success", "", {"": failures}))

    async def _states(self) -> list[Metric]:
        state = await self._health.state()
        parts = ("reads", "writes", "intact", "whole", "room", "spare", "octets", "upkeep", "index", "directory")
        return [
            _gauge(
                "healthy",
                "1 for each part of the service that is as it should be",
                "part",
                {part: float(getattr(state, part)) for part in (*parts, "certificate")},
            )
        ]

    def _files(self) -> Iterator[Metric]:
        """Blocking."""
        yield _gauge("build_info", "Always 1; what serves", "version", {__version__: 1.0})
        yield _gauge(
            "clock_skew_seconds", "How far this host's clock is ahead of the database's", "", {"": self._clock.skew}
        )
        free, size = _disks(self._settings)
        yield _gauge("disk_free_bytes", "Room that is left to the service", "folder", free)
        yield _gauge("disk_size_bytes", "Room in all", "folder", size)
        ended = _certificate_ends(self._settings)
        if ended:
            yield _gauge("certificate_not_after_timestamp_seconds", "When a certificate ends", "file", ended)
        made = kept.last_made(self._settings.data)
        if made is not None:
            yield _gauge("backup_last_success_timestamp_seconds", "When the last whole backup was made", "", {"": made})
        tried = kept.last_trial(self._settings.data)
        if tried is not None:
            at, faults = float(tried.at), float(len(tried.faults))
            yield _gauge("restore_trial_timestamp_seconds", "When restoring was tried last", "", {"": at})
            yield _gauge("restore_trial_faults", "What was wrong then; 0: nothing", "", {"": faults})


def _disks(settings: Settings) -> tuple[dict[str, float], dict[str, float]]:
    free, size = {}, {}
    for name, folder in disk_space.folders(settings).items():
        try:
            disk = os.statvfs(folder)
        except OSError:
            continue
        free[name], size[name] = float(disk.f_bavail * disk.f_frsize), float(disk.f_blocks * disk.f_frsize)
    return free, size


def _certificate_ends(settings: Settings) -> dict[str, float]:
    """Of the instance's own certificate, and of those of further names that are presented."""
    return {
        f"sni/{one.host}/cert.pem" if one.host else "cert.pem": one.ends.timestamp()
        for one in endings(settings.certificate)
    }


def _of_store(found: Figures) -> Iterator[Metric]:
    queue = GaugeMetricFamily(
        PREFIX + "queue_deliveries", "Deliveries to other domains that wait", labels=("state", "age")
    )
    for labels, count in found.queue.items():
        queue.add_metric(labels, float(count))
    yield queue
    yield _gauge("queue_oldest_seconds", "How long the oldest has waited", "state", found.oldest)
    waiting = {what: float(count) for what, count in found.waiting.items()}
    yield _gauge("waiting", "What waits for a moment or for somebody", "for", waiting)
    yield _gauge(
        "index_backlog",
        f"Contents that wait for the search index, {MOST_BEHIND} at most",
        "",
        {"": float(found.behind)},
    )
    yield _gauge(
        "index_unsegmented",
        "Contents in no segment of the search index, which searches read each time, of the account that has most",
        "",
        {"": float(found.unsegmented)},
    )
    yield _gauge("web_sessions", "Open sessions of the web", "", {"": float(found.sessions)})
    octets = {name: float(size) for name, (_, size) in found.measured.items() if size}
    yield _gauge("stored_bytes", "Octets of all mailboxes, and of the database, each hour", "what", octets)
    counts = {name: float(count) for name, (count, _) in found.measured.items() if count}
    yield _gauge("stored_items", "Messages of all mailboxes, and open accounts, each hour", "what", counts)


def _keys(keys: Sequence[DkimKey]) -> Metric:
    states = Counter(one.state for one in keys)
    counts = {state.value: float(states[state]) for state in PUBLISHED}
    return _gauge("dkim_keys", "Keys of signatures by state; without an active one mail waits", "state", counts)


def _gauge(name: str, help_text: str, label: str, values: dict[str, float]) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(PREFIX + name, help_text, labels=(label,) if label else ())
    for value, number in values.items():
        metric.add_metric((value,) if label else (), number)
    return metric
