"""`mailserver upgrade`: what a new version does to the database, doing it, and the way back."""

import json
import time
from typing import Annotated

import typer

from mailserver import __version__
from mailserver.cli.shared import AsJson, InstanceDir, fail, settings_of
from mailserver.foundation.instance_lock import Note, read_note
from mailserver.foundation.network.ports import CannotServe
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Temporary
from mailserver.operations.health.instance import open_database, place_of
from mailserver.store.engine.migrate import EXPAND
from mailserver.store.upkeep import upgrading
from mailserver.store.upkeep.upgrading import Plan, only_adds
from mailserver.texts.command_line import _, of_error

MEBI = 1024 * 1024

Only = Annotated[bool, typer.Option("--plan", help=_("Dire ce qui serait fait, et ne rien changer."))]
Back = Annotated[
    bool, typer.Option("--back", help=_("Défaire la dernière mise à jour du schéma, pour la version d’avant."))
]
Yes = Annotated[bool, typer.Option("--yes", help=_("Défaire sans poser de question."))]


def upgrade(
    directory: InstanceDir, only_plan: Only = False, back: Back = False, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Bring the schema up to date, plan it, or undo it."""
    settings = settings_of(directory)
    try:
        plan = upgrading.plan(place_of(settings))
        served = read_note(settings.directory)
        if only_plan and as_json:
            print(json.dumps(_facts(settings, plan, served)))
        elif only_plan:
            _show(plan, served)
        elif back:
            _go_back(settings, plan, served, yes=yes)
        else:
            _run(settings, plan, served)
    except (Temporary, CannotServe) as problem:
        fail(of_error(problem))
    except OSError as error:
        fail(f"{error.filename or settings.directory}: {error.strerror}")


def _run(settings: Settings, plan: Plan, served: Note | None) -> None:
    if not plan.has_room:
        fail(_room(plan), 1)
    if plan.needs_stop and served is not None:
        text = _(
            "le processus {pid} sert cette base et ne comprendrait pas la nouvelle : arrêtez-le d’abord", pid=served.pid
        )
        fail(text, 1)
    began = time.monotonic()
    open_database(settings, beside_others=served is not None)
    seconds = time.monotonic() - began
    if not plan.planned:
        print(
            _("Rien à faire : le schéma {revision} est celui de cette version, ou plus récent.", revision=plan.revision)
        )
    else:
        text = _(
            "Schéma {before} → {after}, en {seconds:.1f} s.", before=plan.revision, after=plan.wanted, seconds=seconds
        )
        print(text)
    if served is not None and served.version != __version__:
        print(_("Ensuite : `mailserver restart {directory}`.", directory=settings.directory))


def _go_back(settings: Settings, plan: Plan, served: Note | None, *, yes: bool) -> None:
    if not plan.back:
        fail(_("rien à défaire : aucune mise à jour n’est notée ; sinon, restaurez la sauvegarde d’avant"), 1)
    if stuck := next((step for step in plan.back if not step.can_go_back), None):
        text = _(
            "la révision {revision} ne peut pas être défaite : restaurez la sauvegarde d’avant", revision=stuck.revision
        )
        fail(text, 1)
    if served is not None:
        fail(_("le processus {pid} sert cette base : arrêtez-le d’abord, sur toutes les machines", pid=served.pid), 1)
    if only_adds(plan.back):
        print(_("La version d’avant peut servir ce schéma tel quel : il suffit de l’installer et de redémarrer."))
    print(_("Ce que la nouvelle version a noté dans ces révisions est perdu, le courrier reste :"))
    for step in plan.back:
        print(f"  {step.revision}  {step.summary}")
    if not yes and not typer.confirm(_("Revenir au schéma {revision} ?", revision=plan.back_to)):
        raise typer.Exit(1)
    upgrading.go_back(place_of(settings), plan.back_to)
    print(_("Schéma {revision}. Installez maintenant la version d’avant, puis démarrez.", revision=plan.back_to))


def _show(plan: Plan, served: Note | None) -> None:
    print(_("Version installée : {version}, schéma {revision}.", version=__version__, revision=plan.wanted))
    if served is None:
        print(_("Instance : schéma {revision}, personne ne la sert ici.", revision=plan.revision))
    else:
        text = _(
            "Instance : schéma {revision}, servie par le processus {pid}, version {version}.",
            revision=plan.revision,
            pid=served.pid,
            version=served.version,
        )
        print(text)
    for one in plan.planned:
        kind = _("demande l’arrêt") if one.step.kind != EXPAND else _("s’ajoute en service")
        print(f"  {one.step.revision}  {one.step.summary} ({kind}, ~{one.seconds:.1f} s)")
    if not plan.planned:
        print(
            _("Rien à faire : le schéma {revision} est celui de cette version, ou plus récent.", revision=plan.revision)
        )
    elif plan.needs_stop:
        print(_("Arrêtez avant le service, sur toutes les machines : il ne comprendrait pas le nouveau schéma."))
    else:
        print(_("La version d’avant peut servir pendant la mise à jour et après : `mailserver restart` suffit."))
    print(_("Sauvegardez avant la base, data/blobs et secrets : `mailserver backup` fait les trois."))
    print(_room(plan))
    _show_way_back(plan)


def _show_way_back(plan: Plan) -> None:
    if plan.is_back_needless:
        print(_("Retour : réinstallez la version d’avant et redémarrez ; elle sert ce schéma tel quel."))
    elif plan.undone and all(step.can_go_back for step in plan.undone):
        print(
            _("Retour au schéma {revision} : `mailserver upgrade --back`, service arrêté.", revision=plan.way_back_to)
        )
    elif plan.undone:
        print(_("Retour ensuite : seulement par la sauvegarde d’avant."))


def _room(plan: Plan) -> str:
    if plan.free is None:
        return _("La base a {size} Mio ; la place libre est l’affaire de son serveur.", size=plan.octets // MEBI)
    return _(
        "La base a {size} Mio ; il faut {room} Mio libres, il y en a {free}.",
        size=plan.octets // MEBI,
        room=plan.room // MEBI,
        free=plan.free // MEBI,
    )


def _facts(settings: Settings, plan: Plan, served: Note | None) -> dict[str, object]:
    return {
        "version": __version__,
        "schema": plan.wanted,
        "instance_schema": plan.revision,
        "served_by": None if served is None else {"pid": served.pid, "version": served.version},
        "steps": [
            {
                "revision": one.step.revision,
                "summary": one.step.summary,
                "kind": one.step.kind,
                "seconds": round(one.seconds, 1),
            }
            for one in plan.planned
        ],
        "seconds": round(plan.seconds, 1),
        "needs_stop": plan.needs_stop,
        "database_octets": plan.octets,
        "room_octets": plan.room,
        "free_octets": plan.free,
        "upgraded_by": plan.upgraded_by,
        "back_to": plan.way_back_to,
        "back_needless": plan.is_back_needless,
        "directory": str(settings.directory),
    }
