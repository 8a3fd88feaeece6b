"""The addresses of the agenda, in either interface."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Mount, Route

from webui.agenda import reminders_feed, views
from webui.agenda.calendars import class_colours, manage, transfer
from webui.agenda.calendars.subscriptions import Subscribing
from webui.agenda.events import answering, event, event_actions, form
from webui.agenda.tasks import homework, tasks_page
from webui.page.dispatch import Doors


def everything(doors: Doors) -> Sequence[BaseRoute]:
    """All of it; before the routes of the simplified interface's mail."""
    return [
        Route("/agenda", doors.visit(views.index)),
        Mount("/agenda", routes=complete(doors)),
        Route("/s/agenda", doors.visit(views.index)),
        Mount("/s/agenda", routes=simple(doors)),
    ]


def complete(doors: Doors) -> Sequence[BaseRoute]:
    """Under `/agenda`."""
    visit, subscribing = doors.visit, Subscribing()
    return [
        Route("/", visit(views.index)),
        Route("/classes", visit(class_colours.show_classes), methods=["GET"]),
        Route("/classes", visit(class_colours.choose), methods=["POST"]),
        Route("/rappels", visit(reminders_feed.upcoming)),
        Route("/affichage", visit(manage.display), methods=["POST"]),
        Route("/agendas", visit(manage.show_agendas), methods=["GET"]),
        Route("/agendas", visit(manage.create), methods=["POST"]),
        Route("/abonnements", visit(subscribing.subscribe), methods=["POST"]),
        Route("/agendas/{shelf:key}", visit(manage.one), methods=["GET"]),
        Route("/agendas/{shelf:key}", visit(manage.change), methods=["POST"]),
        Route("/agendas/{shelf:key}/partage", visit(manage.shared), methods=["GET"]),
        Route("/agendas/{shelf:key}/partage", visit(manage.share), methods=["POST"]),
        Route("/agendas/{shelf:key}/actualiser", visit(subscribing.refresh), methods=["POST"]),
        Route("/agendas/{shelf:key}/exporter", visit(transfer.export)),
        Route("/agendas/{shelf:key}/importer", visit(transfer.preview, files=True), methods=["POST"]),
        *_events(doors),
        Route("/{view}/{day}", visit(views.show_agenda)),
    ]


def simple(doors: Doors) -> Sequence[BaseRoute]:
    """Under `/s/agenda`."""
    return [Route("/", doors.visit(views.index)), *_events(doors), Route("/{day}", doors.visit(views.simple))]


def _events(doors: Doors) -> Sequence[BaseRoute]:
    visit = doors.visit
    return [
        Route("/nouveau", visit(form.begin), methods=["GET"]),
        Route("/nouveau", visit(form.create), methods=["POST"]),
        Route("/annuler", visit(event_actions.undo), methods=["POST"]),
        Route("/a-rendre", visit(homework.show_homework), methods=["GET"]),
        Route("/a-rendre", visit(homework.add_homework), methods=["POST"]),
        Route("/taches", visit(tasks_page.show_tasks), methods=["GET"]),
        Route("/taches", visit(tasks_page.create), methods=["POST"]),
        Route("/taches/{item}", visit(tasks_page.show_task), methods=["GET"]),
        Route("/taches/{item}", visit(tasks_page.save), methods=["POST"]),
        Route("/evenement/{item}", visit(event.show_event)),
        Route("/evenement/{item}/modifier", visit(form.edit), methods=["GET"]),
        Route("/evenement/{item}/modifier", visit(form.save), methods=["POST"]),
        Route("/evenement/{item}/deplacer", visit(event_actions.move), methods=["POST"]),
        Route("/evenement/{item}/repondre", visit(answering.reply), methods=["POST"]),
        Route("/evenement/{item}/supprimer", visit(event_actions.ask_erase), methods=["GET"]),
        Route("/evenement/{item}/supprimer", visit(event_actions.erase), methods=["POST"]),
    ]
