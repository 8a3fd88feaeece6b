"""`mailserver reports tls`: what others reported of TLS on its way to us, and what we will report of theirs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from mailserver.background.tls_report_sending import moment
from mailserver.cli.shared import AsJson, InstanceDir, date, settings_of, since, with_help, with_store
from mailserver.foundation.settings import Settings
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.reports import figures, tls_seen
from mailserver.store.reports.figures import Outcome
from mailserver.store.reports.tls_seen import Waiting
from mailserver.texts import tls_results
from mailserver.texts.command_line import LANGUAGE, _

MAX_OF_US = 1000
MAX_BY_US = 200
"""Domains and days."""
MAX_FAILURES = 20
"""Of one domain and day that are shown, the most frequent ones."""

Days = Annotated[int, typer.Option(metavar="N", min=1, max=36_500, help=_("Les N derniers jours."))]


@with_help(
    _(
        "Montrer comment ont fini les connexions TLS : celles vers nos serveurs, d’après les rapports d’autres, et "
        "celles que nous rapporterons aux domaines qui le demandent."
    )
)
def tls(directory: InstanceDir, days: Days = 30, as_json: AsJson = False) -> None:
    """Show how TLS sessions ended: those with our servers, as others report, and those that we will report."""
    settings = settings_of(directory)

    def look(tx: Tx) -> tuple[list[Outcome], list[Waiting]]:
        return figures.outcomes(tx, since(days), MAX_OF_US), tls_seen.waiting(tx, MAX_BY_US, MAX_FAILURES)

    async def work(store: Store) -> tuple[list[Outcome], list[Waiting]]:
        return await store.read(look)

    of_us, by_us = with_store(settings, work)
    if as_json:
        told = {
            "of_us": [asdict(one) for one in of_us],
            "by_us": [_facts(settings, one) for one in by_us],
            "sends": settings.reports.send_tls,
        }
        print(json.dumps(told, ensure_ascii=False))
        return
    _print_of_us(of_us, days)
    print()
    _print_by_us(settings, by_us)


def _print_of_us(found: Sequence[Outcome], days: int) -> None:
    print(_("Ce que d’autres disent de nous ({days} jours) :", days=days))
    for one in found:
        said = tls_results.result(one.result).to(LANGUAGE)
        where = "  ".join(filter(None, (tls_results.policy(one.policy).to(LANGUAGE), one.domain, one.server)))
        print(f"  {one.count}  {said}  {where}")
    passed = sum(one.count for one in found if not one.result)
    failed = sum(one.count for one in found if one.result)
    if found:
        print("  " + _("{passed} réussies, {failed} en échec", passed=passed, failed=failed))
    else:
        print("  " + _("aucun rapport"))


def _print_by_us(settings: Settings, waiting: Sequence[Waiting]) -> None:
    print(_("Ce que nous dirons à d’autres :"))
    if not settings.reports.send_tls:
        print("  " + _("rien n’est envoyé ([reports] send_tls)"))
    for one in waiting:
        counted = _("{passed} réussies, {failed} en échec", passed=one.passed, failed=one.failed)
        begins = _("dès {when}", when=date(moment(settings.domain, one.due)))
        print(f"  {date(one.due.day)[:10]}  {one.due.domain}  {counted}  {begins}")
        for session, number in one.failures:
            where = "  ".join(filter(None, (session.server, session.address)))
            print(f"    {number}  {tls_results.result(session.result).to(LANGUAGE)}  {where}".rstrip())
    if not waiting:
        print("  " + _("rien pour l’instant"))
    print(_("Un domaine ne le reçoit que s’il le demande (_smtp._tls dans son DNS)."))


def _facts(settings: Settings, one: Waiting) -> dict[str, object]:
    failures = [
        {"result": session.result, "server": session.server, "address": session.address, "count": number}
        for session, number in one.failures
    ]
    return {
        **asdict(one.due),
        "passed": one.passed,
        "failed": one.failed,
        "from": moment(settings.domain, one.due),
        "failures": failures,
    }
