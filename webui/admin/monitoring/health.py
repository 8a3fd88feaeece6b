"""The instance itself: versions, what the configuration check says, the database, the disk."""

import asyncio
import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version

from starlette.responses import Response

from mailserver import __version__
from mailserver.foundation.settings import Settings
from mailserver.model.clock import HOUR
from mailserver.operations.health.doctor import examine
from mailserver.operations.health.findings import Finding, Grade
from mailserver.store.queue import peer_counts
from mailserver.store.upkeep import measures
from webui.admin.console_page import Top, top
from webui.admin.directory.person import Fact
from webui.page.context import Services, Visit

MOST_PEERS = 20


@dataclass(frozen=True, slots=True)
class HealthPage:
    """How the instance is."""

    top: Top
    facts: tuple[Fact, ...]
    findings: tuple[tuple[Finding, str], ...]
    problems: int
    with_dns: bool
    peers: tuple[tuple[str, tuple[str, ...]], ...]
    """The busiest other servers of the last hours, and what they brought."""


async def show_health(services: Services, visit: Visit) -> Response:
    """GET /admin/sante: with `dns=1` the domain's records are looked up, which takes seconds."""
    _, language = visit._, visit.language
    with_dns = visit.query("dns") == "1"
    findings = await asyncio.to_thread(_findings, services.settings, with_dns)
    database = await services.store.read(measures.database_octets)
    since = int(visit.now) - int(visit.now) % HOUR
    busiest = await services.store.read(peer_counts.listing, HOUR, since, MOST_PEERS)
    disk = shutil.disk_usage(services.settings.data)
    bundled = _("présents") if services.assets.icons else _("absents : les pages montrent des mots à la place")
    workers = services.settings.workers or len(os.sched_getaffinity(0))
    facts = (
        Fact(_("Version"), __version__),
        Fact("Python", platform.python_version()),
        Fact(
            _("Bibliothèques"), ", ".join(f"{name} {version(name)}" for name in ("SQLAlchemy", "starlette", "aiosmtpd"))
        ),
        Fact(_("Processus"), language.number(workers)),
        Fact(_("Fichiers et icônes du web"), bundled),
        Fact(_("Base de données"), f"{services.store.backend.product}, {language.size(database)}"),
        Fact(
            _("Disque"),
            _("%(free)s libres sur %(total)s") % {"free": language.size(disk.free), "total": language.size(disk.total)},
        ),
        Fact(_("Domaines"), ", ".join(services.settings.domains)),
        Fact(_("Annuaire"), services.settings.ldap.url if services.settings.ldap else _("embarqué")),
    )
    graded = {Grade.OK: _("bon"), Grade.WARNING: _("à voir"), Grade.PROBLEM: _("à corriger")}
    page = HealthPage(
        top(visit, "sante"),
        facts,
        tuple((finding, graded[finding.grade]) for finding in findings),
        sum(finding.grade is not Grade.OK for finding in findings),
        with_dns,
        tuple((window.peer, tuple(map(language.number, tally[:4]))) for window, tally in busiest),
    )
    return services.pages.answer(visit, "admin/monitoring/health.html", page)


def _findings(settings: Settings, with_dns: bool) -> list[Finding]:
    return list(examine(settings, dns_too=with_dns))
