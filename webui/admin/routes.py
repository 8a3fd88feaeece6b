"""The addresses of the console. Each asks the gate before it reads anything."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from webui.admin import access, audit_log, bulletins_page, imports_page, models_page, quiet_hours_page, rules_page
from webui.admin.directory import acts, lists_page, people, person, schools_page, search, secured_page
from webui.admin.mail import (
    forwards_page,
    held_submissions_page,
    infected_page,
    mailings_page,
    message_trace,
    phishing_page,
    queue_page,
    withdrawals_page,
)
from webui.admin.monitoring import charts, health, overview, reports_page, storage_page
from webui.admin.words import import_reasons
from webui.page.dispatch import Doors, Endpoint, VisitHandler


def routes(doors: Doors) -> Sequence[BaseRoute]:
    """Everything under /admin."""

    def inside(handler: VisitHandler, room: int = 0) -> Endpoint:
        return doors.visit(access.console(handler), room=room, guard=access.guard)

    def pair(path: str, show: VisitHandler, act: VisitHandler, room: int = 0) -> tuple[Route, Route]:
        return Route(path, inside(show), methods=["GET"]), Route(path, inside(act, room), methods=["POST"])

    return [
        Route("/admin", inside(overview.show_overview), methods=["GET"]),
        *pair(access.CONFIRM, access.ask, access.prove),
        Route("/admin/quitter", inside(access.leave), methods=["POST"]),
        Route("/admin/recherche", inside(search.show_search), methods=["GET"]),
        Route("/admin/mesures", inside(charts.show_charts), methods=["GET"]),
        Route(reports_page.PATH, inside(reports_page.show_reports), methods=["GET"]),
        Route(f"{reports_page.PATH}/recus", inside(reports_page.show_received), methods=["GET"]),
        Route(storage_page.PATH, inside(storage_page.show_storage), methods=["GET"]),
        Route(storage_page.TABLE, inside(storage_page.download), methods=["GET"]),
        Route("/admin/sante", inside(health.show_health), methods=["GET"]),
        *pair("/admin/annonces", bulletins_page.show_bulletins, bulletins_page.act),
        *pair(models_page.PATH, models_page.show_models, models_page.act),
        Route("/admin/comptes", inside(people.show_people), methods=["GET"]),
        *pair("/admin/comptes/nouveau", people.begin, people.create),
        *pair("/admin/comptes/{account:key}", person.show_person, acts.act),
        *pair(secured_page.PATH, secured_page.show_secured, secured_page.act),
        Route("/admin/etablissements", inside(schools_page.show_schools), methods=["GET"]),
        Route("/admin/etablissements/{uai}", inside(schools_page.one), methods=["GET"]),
        Route("/admin/listes", inside(lists_page.show_lists), methods=["GET"]),
        *pair("/admin/listes/{address}", lists_page.one, lists_page.act),
        *pair("/admin/boites", lists_page.show_boxes, lists_page.make_box),
        *pair("/admin/boites/{address}", lists_page.box, lists_page.act_box),
        *pair("/admin/import", imports_page.show_imports, imports_page.post, imports_page.MAX_OCTETS),
        Route("/admin/import/{run:key}/annuler", inside(imports_page.undo), methods=["POST"]),
        Route("/admin/travaux/{job:key}", inside(imports_page.job), methods=["GET"]),
        Route("/admin/travaux/{job:key}/appliquer", inside(imports_page.apply), methods=["POST"]),
        Route("/admin/travaux/{job:key}/raisons.csv", inside(import_reasons.download), methods=["GET"]),
        *pair("/admin/file", queue_page.show_queue, queue_page.act),
        Route(mailings_page.PATH, inside(mailings_page.show_mailings), methods=["GET"]),
        *pair(f"{mailings_page.PATH}/{{mailing:key}}", mailings_page.show_mailing, mailings_page.change),
        *pair(forwards_page.PATH, forwards_page.show_forwards, forwards_page.act),
        *pair(held_submissions_page.PAGE.path, held_submissions_page.PAGE.show, held_submissions_page.PAGE.act),
        *pair(infected_page.PAGE.path, infected_page.PAGE.show, infected_page.PAGE.act),
        *pair(phishing_page.PATH, phishing_page.show_campaigns, phishing_page.act),
        Route(phishing_page.CAMPAIGN, inside(phishing_page.show_campaign), methods=["GET"]),
        *pair(withdrawals_page.PATH, withdrawals_page.show_withdrawals, withdrawals_page.act),
        *pair(withdrawals_page.NEW, withdrawals_page.ask, withdrawals_page.begin),
        Route("/admin/suivi", inside(message_trace.show_traces), methods=["GET"]),
        *pair("/admin/regles", rules_page.show_rules, rules_page.act),
        *pair(quiet_hours_page.PATH, quiet_hours_page.show_hours, quiet_hours_page.act),
        Route("/admin/journal", inside(audit_log.show_audit_log), methods=["GET"]),
        Route("/admin/journal/export", inside(audit_log.export), methods=["POST"]),
        Route("/admin/journal/verifier", inside(audit_log.check), methods=["POST"]),
    ]
