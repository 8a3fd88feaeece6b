"""The table of addresses: which one leads to which handler. Areas with a package of their own bring their part.

The first route that matches answers: what is named comes before what has a parameter in its place, and what is under
`/s` or `/m` for one interface only comes before the mail of both.
"""

from collections.abc import Sequence

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from webui import contacts
from webui.account.login import activation, portal, recovery, session_renewal, welcome
from webui.account.security import devices, overview, password, recovery_address, second_factor
from webui.account.security.password_feedback import Verifying
from webui.account.settings import announcements, clients, preferences, settings_search
from webui.account.settings.data_export import DataExport
from webui.admin import access
from webui.admin import routes as admin
from webui.agenda import routes as agenda
from webui.agenda.events import from_message as events
from webui.compose import attach_from, confidential, scheduled, sending, signatures_page, uploads, writing
from webui.compose.addressing import suggestions
from webui.contacts import from_message as cards
from webui.filters import (
    absence_page,
    apply_page,
    forward_page,
    rule_page,
    rules_page,
    script_page,
    senders_page,
)
from webui.installed.offline import routes as offline
from webui.installed.push.subscriptions import Subscribing
from webui.lists import archives, archives_outside, moderation, owned, personal, posts, subscription, waiting_messages
from webui.mail import (
    actions,
    folders,
    message_list,
    notifications,
    removed_page,
    shares,
    shortcuts,
    simple_list,
    tags_page,
    undo,
)
from webui.mail.bulk_download import Gathering
from webui.mail.event_stream import EventStream
from webui.mail.folder_transfer import MAX_BROUGHT, FolderFiles
from webui.mail.search import search_help, search_page
from webui.mailings import pages as mailings
from webui.page.context import Services
from webui.page.dispatch import Doors, Endpoint, VisitHandler
from webui.public import metrics, pages
from webui.reader import routes as reader
from webui.secretariat import batches, desk, people, printing, school_hours


class KeyConvertor(Convertor[int]):
    """A database key in an address: no more digits than a key has, so whatever matches can be asked for."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("key", KeyConvertor())


def everything(services: Services, doors: Doors, flux: EventStream) -> Sequence[BaseRoute]:
    """Every address but `/dav/`."""
    visit = doors.visit
    files, gathering = FolderFiles(), Gathering()
    return [
        *_entrance(doors),
        *_account(doors),
        *admin.routes(doors),
        *_secretariat(doors),
        *_public(services, doors),
        *reader.shared(doors),
        *clients.routes(services),
        Route("/static/dist/{file}", services.assets.serve),
        *offline.routes(doors),
        *contacts.routes(doors),
        Route("/listes", visit(personal.lead)),
        Route("/archives/{address}", visit(archives.lead)),
        Route("/archives/{address}/{name}", visit(archives.lead_to_post)),
        Route("/envois-en-nombre", visit(mailings.lead)),
        *agenda.everything(doors),
        Route("/m/raccourcis", visit(shortcuts.show_shortcuts), methods=["GET"]),
        Route("/m/raccourcis", visit(shortcuts.save), methods=["POST"]),
        Route("/flux", visit(flux.listen)),
        Route("/flux/etat", visit(flux.state)),
        Route("/flux/nouveaux", visit(notifications.tell)),
        Mount("/s", routes=_mail(doors, files, gathering)),
        Mount("/m", routes=_mail(doors, files, gathering)),
    ]


# ---------------------------------------------------------------------- before and around the mail


def _entrance(doors: Doors) -> Sequence[BaseRoute]:
    """For whoever is not logged in: the portal, first connection, a forgotten password, a moderator's link."""
    guest = doors.guest
    return [
        Route("/", guest(portal.show_portal)),
        Route("/login", guest(portal.show_complete)),
        Route("/roundcube", guest(portal.show_simple)),
        Route("/connexion", guest(portal.log_in), methods=["POST"]),
        Route("/connexion", guest(portal.show_portal), methods=["GET"]),
        Route("/connexion/code", guest(portal.second_step), methods=["POST"]),
        Route("/connexion/code", guest(portal.show_portal), methods=["GET"]),
        Route("/session/etat", guest(session_renewal.state), methods=["GET"]),
        Route("/session/renouveler", doors.ended(session_renewal.renew), methods=["POST"]),
        Route("/deconnexion", doors.visit(portal.log_out), methods=["POST"]),
        Route("/activation", guest(activation.show_activation), methods=["GET"]),
        Route("/activation", guest(activation.activate), methods=["POST"]),
        Route("/mot-de-passe/verifier", guest(Verifying().verify), methods=["POST"]),
        Route("/initialiser", guest(recovery.show_recovery), methods=["GET"]),
        Route("/initialiser", guest(recovery.ask), methods=["POST"]),
        Route("/identifiant", guest(recovery.show_forgotten), methods=["GET"]),
        Route("/identifiant", guest(recovery.ask_identifier), methods=["POST"]),
        Route("/initialiser/code", guest(recovery.show_code), methods=["GET"]),
        Route("/initialiser/code", guest(recovery.use_code), methods=["POST"]),
        Route("/moderation/{key}", guest(moderation.show_held_message), methods=["GET"]),
        Route("/moderation/{key}", guest(moderation.decide), methods=["POST"]),
        Route("/abonnement/{key}", guest(subscription.show), methods=["GET"]),
        Route("/abonnement/{key}", doors.keyed(subscription.one_click), methods=["POST"]),
        Route("/abonnement/{key}/archives", guest(archives_outside.show_archive)),
        Route("/abonnement/{key}/archives/{post:key}", guest(archives_outside.show_post)),
        Route("/abonnement/{key}/choix", guest(subscription.choose), methods=["POST"]),
        Route("/transfert/{key}", guest(forward_page.show_agreement), methods=["GET"]),
        Route("/transfert/{key}", guest(forward_page.agree), methods=["POST"]),
    ]


def _account(doors: Doors) -> Sequence[BaseRoute]:
    """One's own account, and the end of a first connection."""
    visit, takeaway, subscribing = doors.visit, DataExport(), Subscribing()
    return [
        Route("/compte", visit(overview.show_security)),
        Route("/compte/double-authentification", visit(second_factor.show_second_factor), methods=["GET"]),
        Route("/compte/double-authentification", visit(second_factor.change), methods=["POST"]),
        Route("/compte/appareils", visit(devices.show_devices), methods=["GET"]),
        Route("/compte/appareils", visit(devices.change), methods=["POST"]),
        Route("/compte/notifications", visit(subscribing.key), methods=["GET"]),
        Route("/compte/notifications", visit(subscribing.change), methods=["POST"]),
        Route("/compte/sessions", visit(overview.show_sessions), methods=["GET"]),
        Route("/compte/sessions", visit(overview.close_sessions), methods=["POST"]),
        Route("/compte/mot-de-passe", visit(password.show_password), methods=["GET"]),
        Route("/compte/mot-de-passe", visit(password.change_password), methods=["POST"]),
        Route("/compte/secours", visit(recovery_address.show_recovery_address), methods=["GET"]),
        Route("/compte/secours", visit(recovery_address.change), methods=["POST"]),
        Route("/compte/export", visit(takeaway.show), methods=["GET"]),
        Route("/compte/export", visit(takeaway.fetch), methods=["POST"]),
        Route("/annonces/{bulletin:key}/rouvrir", visit(announcements.reopen), methods=["POST"]),
        Route("/annonces/{bulletin:key}/fermer", visit(announcements.close), methods=["POST"]),
        Route("/bienvenue", visit(welcome.show_welcome), methods=["GET"]),
        Route("/bienvenue", visit(welcome.accept), methods=["POST"]),
        Route("/bienvenue/informations", visit(welcome.take)),
    ]


def _secretariat(doors: Doors) -> Sequence[BaseRoute]:
    """The secretariat of a school; an administrator enters it as they enter the console."""

    def visit(handler: VisitHandler) -> Endpoint:
        return doors.visit(access.desk(handler), guard=access.guard_desk)

    return [
        Route("/secretariat", visit(people.show_people)),
        Route("/secretariat/lettres", visit(batches.show_letters), methods=["GET"]),
        Route("/secretariat/lettres", visit(printing.print_letters), methods=["POST"]),
        Route("/secretariat/code/{account:key}", visit(printing.ask_renewal), methods=["GET"]),
        Route("/secretariat/code/{account:key}", visit(printing.renew), methods=["POST"]),
        Route("/secretariat/journal", visit(people.show_log)),
        Route("/secretariat/boites", visit(desk.boxes), methods=["GET"]),
        Route("/secretariat/boites", visit(desk.hand_over), methods=["POST"]),
        Route("/secretariat/mouvements", visit(desk.moves)),
        Route("/secretariat/repos", visit(school_hours.show), methods=["GET"]),
        Route("/secretariat/repos", visit(school_hours.decide), methods=["POST"]),
    ]


def _public(services: Services, doors: Doors) -> Sequence[BaseRoute]:
    """What anybody may read, and what browsers and operators ask for."""
    guest = doors.guest
    return [
        Route("/aide", guest(pages.help_page)),
        Route("/accessibilite", guest(pages.fixed("portal/accessibility.html"))),
        Route("/donnees-personnelles", guest(pages.fixed("portal/privacy.html"))),
        Route("/mentions-legales", guest(pages.fixed("portal/legal.html"))),
        Route("/etat", guest(pages.state)),
        Route("/sante/vif", guest(pages.alive)),
        Route("/sante/pret", guest(pages.ready)),
        Route("/metrics", guest(metrics.figures)),
        Route("/csp-rapport", pages.Reports(services).__call__, methods=["POST"]),
        Route("/favicon.ico", _moved(services.assets.url("icon.svg"))),
        Route("/.well-known/mta-sts.txt", guest(pages.mta_sts(services.settings))),
        Route("/.well-known/acme-challenge/{token}", guest(pages.acme_challenge), methods=["GET"]),
        Route(pages.SECURITY, guest(pages.security)),
        Route("/.well-known/change-password", _moved("/compte/mot-de-passe")),
    ]


def _moved(address: str) -> Endpoint:
    """What is asked for under a name that others agreed on, and lies elsewhere here."""

    async def answer(_request: Request) -> Response:
        return Response(status_code=302, headers={"Location": address})

    return answer


# ---------------------------------------------------------------------- the mail


def _mail(doors: Doors, files: FolderFiles, gathering: Gathering) -> Sequence[BaseRoute]:
    """The mail of either interface, below `/s` and `/m`."""
    return [
        *contacts.routes(doors),
        *_folders(doors, files, gathering),
        *_lists(doors),
        *reader.mail(doors),
        *reader.abroad(doors),
        *_files(doors),
        *_writing(doors),
        *_settings(doors),
    ]


def _folders(doors: Doors, files: FolderFiles, gathering: Gathering) -> Sequence[BaseRoute]:
    """Lists of messages and what is done there, folders, search."""
    visit = doors.visit
    return [
        Route("/", visit(simple_list.show_simple_list)),
        Route("/dossier/{box:key}", visit(simple_list.show_simple_list)),
        Route("/dossier/{box:key}/emporter", visit(gathering.fetch), methods=["POST"]),
        Route("/dossier/{box:key}/agir", visit(actions.act), methods=["POST"]),
        Route("/dossier/{box:key}/affichage", visit(message_list.change_view), methods=["POST"]),
        Route("/dossier/{box:key}/vider", visit(actions.ask_empty), methods=["GET"]),
        Route("/dossier/{box:key}/vider", visit(actions.empty), methods=["POST"]),
        Route("/dossier/{box:key}/modifier", visit(folders.one), methods=["GET"]),
        Route("/dossier/{box:key}/modifier", visit(folders.change), methods=["POST"]),
        Route("/dossier/{box:key}/partage", visit(shares.show_shares), methods=["GET"]),
        Route("/dossier/{box:key}/partage", visit(shares.change), methods=["POST"]),
        Route("/dossier/{box:key}/exporter", visit(files.export), methods=["POST"]),
        Route("/dossier/{box:key}/importer", visit(files.bring, room=MAX_BROUGHT), methods=["POST"]),
        Route("/dossiers", visit(folders.show_folders), methods=["GET"]),
        Route("/dossiers", visit(folders.create), methods=["POST"]),
        Route("/dossiers/replier", visit(folders.fold), methods=["POST"]),
        Route("/recuperer", visit(removed_page.show_removed), methods=["GET"]),
        Route("/recuperer", visit(removed_page.bring_back), methods=["POST"]),
        Route("/annonces", visit(announcements.show_closed)),
        Route("/annuler", visit(undo.last_acts), methods=["GET"]),
        Route("/annuler", visit(undo.undo), methods=["POST"]),
        Route("/recherche", visit(search_page.show_results)),
        Route("/recherche/garder", visit(search_page.keep), methods=["POST"]),
        Route("/recherche/aide", visit(search_help.show_help)),
    ]


def _lists(doors: Doors) -> Sequence[BaseRoute]:
    """Distribution lists: one's own, those one receives, those one looks after."""
    visit = doors.visit
    return [
        Route("/listes", visit(personal.show_lists), methods=["GET"]),
        Route("/listes", visit(personal.create, files=True), methods=["POST"]),
        Route("/listes/recues", visit(personal.received), methods=["GET"]),
        Route("/listes/recues", visit(personal.choose), methods=["POST"]),
        Route("/listes/{list:key}", visit(personal.one), methods=["GET"]),
        Route("/listes/{list:key}", visit(personal.change, files=True), methods=["POST"]),
        Route("/liste", visit(owned.begin), methods=["GET"]),
        Route("/liste", visit(owned.create, files=True), methods=["POST"]),
        Route("/liste/{address}", visit(owned.show_list), methods=["GET"]),
        Route("/liste/{address}", visit(owned.change, files=True), methods=["POST"]),
        Route("/liste/{address}/messages", visit(posts.show_posts), methods=["GET"]),
        Route("/liste/{address}/messages", visit(posts.send_again), methods=["POST"]),
        Route("/liste/{address}/messages/{post:key}", visit(posts.show_post), methods=["GET"]),
        Route("/liste/{address}/archives", visit(archives.show_archive)),
        Route("/liste/{address}/archives/{post:key}", visit(archives.show_post), methods=["GET"]),
        Route("/liste/{address}/archives/{post:key}", visit(archives.remove), methods=["POST"]),
        Route("/liste/{address}/archives/{post:key}/corps", visit(archives.body)),
        Route("/liste/{address}/archives/{post:key}/piece/{number}", visit(archives.piece)),
        Route("/liste/{address}/attente", visit(waiting_messages.queue), methods=["GET"]),
        Route("/liste/{address}/attente", visit(waiting_messages.decide), methods=["POST"]),
    ]


def _files(doors: Doors) -> Sequence[BaseRoute]:
    """What a message brings as a file, put where it belongs."""
    visit = doors.visit
    return [
        Route(f"{at}/apercu/{{number}}/{where}", visit(take), methods=["POST"])
        for at in ("/message/{message:key}", "/partage/{box:key}/{message:key}")
        for where, take in (("agenda", events.take), ("contacts", cards.take))
    ]


def _writing(doors: Doors) -> Sequence[BaseRoute]:
    """A letter, and its departure."""
    visit = doors.visit
    return [
        Route("/ecrire", visit(writing.write), methods=["GET"]),
        Route("/ecrire", visit(writing.post, files=True), methods=["POST"]),
        Route("/ecrire/{draft:key}", visit(writing.edit), methods=["GET"]),
        Route("/ecrire/{draft:key}/envoyer", visit(sending.confirm), methods=["POST"]),
        Route("/ecrire/{draft:key}/depuis", visit(attach_from.show_messages), methods=["GET"]),
        Route("/ecrire/{draft:key}/depuis", visit(attach_from.take), methods=["POST"]),
        Route("/ecrire/{draft:key}/image", visit(uploads.picture)),
        Route("/ecrire/garder", visit(uploads.save), methods=["POST"]),
        Route("/ecrire/piece", visit(uploads.add, files=True), methods=["POST"]),
        Route("/destinataires", visit(suggestions.find)),
        Route("/envois-en-nombre", visit(mailings.show_mailings), methods=["GET"]),
        Route("/envois-en-nombre/{mailing:key}", visit(mailings.show_mailing), methods=["GET"]),
        Route("/envois-en-nombre/{mailing:key}", visit(mailings.change), methods=["POST"]),
        Route("/envois", visit(scheduled.show_scheduled), methods=["GET"]),
        Route("/envois/a-confirmer", visit(confidential.show_all), methods=["GET"]),
        Route("/envois/a-confirmer/{number:key}", visit(confidential.show), methods=["GET"]),
        Route("/envois/a-confirmer/{number:key}", visit(confidential.decide), methods=["POST"]),
        Route("/envois/{number:key}", visit(scheduled.change), methods=["POST"]),
        Route("/envois/{number:key}/etat", visit(scheduled.state)),
    ]


def _settings(doors: Doors) -> Sequence[BaseRoute]:
    visit = doors.visit
    return [
        Route("/reglages", visit(settings_search.show_settings), methods=["GET"]),
        Route("/reglages/absence", visit(absence_page.show_absence), methods=["GET"]),
        Route("/reglages/absence", visit(absence_page.save), methods=["POST"]),
        Route("/reglages/absence/fin", visit(absence_page.end), methods=["POST"]),
        Route("/reglages/transfert", visit(forward_page.show_forward), methods=["GET"]),
        Route("/reglages/transfert", visit(forward_page.change), methods=["POST"]),
        Route("/reglages/ecriture", visit(signatures_page.show_signatures), methods=["GET"]),
        Route("/reglages/ecriture", visit(signatures_page.save), methods=["POST"]),
        Route("/reglages/etiquettes", visit(tags_page.show_tags), methods=["GET"]),
        Route("/reglages/etiquettes", visit(tags_page.save), methods=["POST"]),
        Route("/reglages/expediteurs", visit(senders_page.show_senders), methods=["GET"]),
        Route("/reglages/expediteurs", visit(senders_page.change), methods=["POST"]),
        Route("/message/{message:key}/bloquer", visit(senders_page.block_sender), methods=["POST"]),
        Route("/reglages/regles", visit(rules_page.show_rules), methods=["GET"]),
        Route("/reglages/regles", visit(rules_page.change), methods=["POST"]),
        Route("/reglages/regles/appliquer", visit(apply_page.show_apply), methods=["GET"]),
        Route("/reglages/regles/appliquer", visit(apply_page.apply), methods=["POST"]),
        Route("/reglages/regles/script", visit(script_page.show_script), methods=["GET"]),
        Route("/reglages/regles/script", visit(script_page.change), methods=["POST"]),
        Route("/reglages/regles/modifier", visit(rule_page.show_rule), methods=["GET"]),
        Route("/reglages/regles/modifier", visit(rule_page.save), methods=["POST"]),
        Route("/reglages/logiciels", visit(clients.show_clients)),
        Route("/reglages/logiciels/profil", visit(clients.profile)),
        Route("/reglages/{section}", visit(preferences.show_preferences), methods=["GET"]),
        Route("/reglages/{section}", visit(preferences.save), methods=["POST"]),
    ]
