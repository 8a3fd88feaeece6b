"""The addresses of the console. Each asks the gate before it reads anything."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from webui.admin import (
    acts,
    charts,
    communicating,
    gate,
    health,
    loading,
    logbook,
    outgoing,
    overview,
    people,
    person,
    places,
    reasons,
    rosters,
    ruling,
    tracing,
)
from webui.doors import Doors, Endpoint, VisitHandler


def routes(doors: Doors) -> Sequence[BaseRoute]:
    """Everything under /admin."""

    def inside(handler: VisitHandler, room: int = 0) -> Endpoint:
        return doors.visit(gate.console(handler), room=room, guard=gate.guard)

    def pair(path: str, show: VisitHandler, act: VisitHandler, room: int = 0) -> tuple[Route, Route]:
        return Route(path, inside(show), methods=["GET"]), Route(path, inside(act, room), methods=["POST"])

    return [
        Route("/admin", inside(overview.show), methods=["GET"]),
        *pair(gate.CONFIRM, gate.ask, gate.prove),
        Route("/admin/quitter", inside(gate.leave), methods=["POST"]),
        Route("/admin/mesures", inside(charts.show), methods=["GET"]),
        Route("/admin/sante", inside(health.show), methods=["GET"]),
        *pair("/admin/annonces", communicating.show, communicating.act),
        Route("/admin/comptes", inside(people.show), methods=["GET"]),
        *pair("/admin/comptes/nouveau", people.begin, people.create),
        *pair("/admin/comptes/{account:key}", person.show, acts.act),
        Route("/admin/etablissements", inside(places.show), methods=["GET"]),
        Route("/admin/etablissements/{uai}", inside(places.one), methods=["GET"]),
        Route("/admin/listes", inside(rosters.show), methods=["GET"]),
        *pair("/admin/listes/{address}", rosters.one, rosters.act),
        *pair("/admin/boites", rosters.show_boxes, rosters.make_box),
        *pair("/admin/boites/{address}", rosters.box, rosters.act_box),
        *pair("/admin/import", loading.show, loading.post, loading.MAX_OCTETS),
        Route("/admin/import/{run:key}/annuler", inside(loading.undo), methods=["POST"]),
        Route("/admin/travaux/{job:key}", inside(loading.job), methods=["GET"]),
        Route("/admin/travaux/{job:key}/appliquer", inside(loading.apply), methods=["POST"]),
        Route("/admin/travaux/{job:key}/raisons.csv", inside(reasons.download), methods=["GET"]),
        *pair("/admin/file", outgoing.show, outgoing.act),
        Route("/admin/suivi", inside(tracing.show), methods=["GET"]),
        *pair("/admin/regles", ruling.show, ruling.act),
        Route("/admin/journal", inside(logbook.show), methods=["GET"]),
        Route("/admin/journal/export", inside(logbook.export), methods=["POST"]),
        Route("/admin/journal/verifier", inside(logbook.check), methods=["POST"]),
    ]
