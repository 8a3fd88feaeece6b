"""The sheet of one account: who it is, its state, what is planned, what it holds, how it is reached, its history."""

from dataclasses import dataclass

from starlette.responses import Response

from directory.people.lifecycle import Account
from mailserver.administration import account_sheet
from mailserver.administration.account_sheet import Facts
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import State
from mailserver.store.account.accounts import Standing
from mailserver.store.account.devices import Device
from mailserver.store.mail import messages
from mailserver.store.mail.messages import Quota
from mailserver.store.record import audit
from mailserver.store.record.audit import Event
from webui.account.security.user_agent import in_words
from webui.admin.console_page import Top, moment, stamp, top
from webui.admin.directory.people import service
from webui.admin.words.import_reasons import told
from webui.page.context import Services, Visit
from webui.page.words.role_labels import role_words, state_words

SHOWN_EVENTS = 40
HUES = {State.PENDING: "bleu", State.ACTIVE: "vert", State.SUSPENDED: "brun", State.CLOSED: "gris"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the sheet."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A line of the history."""

    at: str
    actor: str
    action: str
    door: str
    """By which door it was done, and from where."""
    detail: str


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """An app password."""

    id: int
    name: str
    made: str
    used: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """An open session of the web."""

    device: str
    seen: str
    peer: str


@dataclass(frozen=True, slots=True)
class May:
    """What may be done to the account in its present state."""

    suspend: bool
    resume: bool
    reset: bool
    close: bool
    keep: bool
    restore: bool
    unlock: bool


@dataclass(frozen=True, slots=True)
class PersonPage:
    """The sheet."""

    top: Top
    account_id: int
    login: str
    name: str
    state: str
    hue: str
    """The class of colours of the state."""
    facts: tuple[Fact, ...]
    planned: tuple[Fact, ...]
    used: int
    quota: int
    space: str
    own_quota: str
    """In megabytes as the form shows it; empty: the setting's."""
    factor: str
    devices: tuple[DeviceRow, ...]
    sessions: tuple[SessionRow, ...]
    history: tuple[HistoryRow, ...]
    may: May
    is_self: bool


async def find(services: Services, visit: Visit) -> Account:
    """The account of the address. Raises Refused(NOT_FOUND)."""
    account_id = int(visit.request.path_params["account"])
    principal = await services.directory.by_account(account_id)
    if principal is None:
        raise Refused(Reason.NOT_FOUND)
    return await service(services, visit).find(principal.login)


async def show_person(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/comptes/{account}."""
    account = await find(services, visit)
    principal, standing = account.principal, account.standing
    facts = await services.store.read(account_sheet.facts, principal.account_id, principal.uai, SHOWN_EVENTS)
    factor = await services.login.factors.state(principal)
    devices = await services.login.devices.listing(principal.account_id)
    language, _ = visit.language, visit._
    limits = await services.store.read(messages.quota, principal.account_id, Quota.of(services.settings.limits))
    used = language.size(facts.used)
    if limits.octets:
        used = _("%(used)s sur %(limit)s") % {"used": used, "limit": language.size(limits.octets)}
    said = language.texts.ngettext("%(size)s, %(n)s message", "%(size)s, %(n)s messages", facts.messages)
    space = said % {"size": used, "n": language.number(facts.messages)}
    page = PersonPage(
        top=top(visit, "comptes", fault),
        account_id=principal.account_id,
        login=principal.login,
        name=principal.name,
        state=state_words(visit, standing.state),
        hue=HUES[standing.state],
        facts=_facts(visit, account, facts),
        planned=_planned(visit, standing),
        used=facts.used,
        quota=limits.octets,
        space=space,
        own_quota=str(standing.quota >> 20) if standing.quota >= 0 else "",
        factor=_("activée le %(day)s ; codes de secours restants : %(n)s")
        % {"day": language.plain_date(factor.since), "n": factor.codes_left}
        if factor.is_on
        else "",
        devices=tuple(_device(visit, device) for device in devices),
        sessions=tuple(
            SessionRow(in_words(visit, session.agent), moment(visit, session.seen), session.peer)
            for session in facts.sessions[:20]
        ),
        history=tuple(row(visit, one) for one in facts.history),
        may=_may(account, facts.blocked),
        is_self=principal.account_id == visit.account_id,
    )
    return services.pages.answer(visit, "admin/directory/person.html", page, 422 if fault else 200)


def _facts(visit: Visit, account: Account, facts: Facts) -> tuple[Fact, ...]:
    _ = visit._
    principal, standing = account.principal, account.standing
    lines = [
        Fact(_("Identifiant"), principal.login),
        Fact(_("Adresse"), principal.address),
        Fact(_("Autres adresses"), ", ".join(principal.aliases)),
        Fact(_("Population"), role_words(visit, principal.role)),
        Fact(_("Établissement"), f"{facts.school} ({principal.uai})" if facts.school else principal.uai),
        Fact(_("Discipline"), principal.discipline),
        Fact(_("État"), f"{state_words(visit, standing.state)}, {moment(visit, standing.since)}"),
        Fact(_("Motif"), told(visit, standing.reason)),
        Fact(_("Reçoit du courrier"), _("oui") if standing.may_receive and standing.state is State.SUSPENDED else ""),
        Fact(_("Dans les carnets d’adresses"), _("non, caché") if facts.hidden else ""),
        Fact(_("Créé"), moment(visit, standing.created)),
        Fact(_("Activé"), moment(visit, standing.activated)),
        Fact(_("Dernière connexion"), moment(visit, standing.last_login)),
        Fact(_("Mot de passe choisi"), moment(visit, standing.password_set)),
        Fact(_("Adresse de secours"), standing.recovery_address),
        Fact(_("Venu par"), standing.source),
    ]
    if facts.blocked:
        lines.append(Fact(_("Connexion"), _("bloquée pour un moment après trop d’essais")))
    return tuple(line for line in lines if line.text)


def _planned(visit: Visit, standing: Standing) -> tuple[Fact, ...]:
    """What will become of the account by itself."""
    _ = visit._
    lines = (
        (_("Sera suspendu"), standing.suspend_from),
        (_("Fin de la suspension"), standing.suspend_until),
        (_("Sera fermé"), standing.close_at),
        (_("Répond à son courrier jusqu’au"), standing.reply_until if standing.state is State.CLOSED else 0),
        (_("Sera effacé"), standing.erase_at if standing.state is State.CLOSED else 0),
        (_("Effacé"), standing.erased),
    )
    return tuple(Fact(name, moment(visit, at)) for name, at in lines if at)


def _may(account: Account, blocked: bool) -> May:
    standing = account.standing
    state = standing.state
    is_open = state in (State.ACTIVE, State.PENDING)
    return May(
        suspend=is_open,
        resume=state is State.SUSPENDED or bool(standing.suspend_from),
        reset=state is not State.CLOSED,
        close=state is not State.CLOSED,
        keep=bool(standing.close_at),
        restore=state is State.CLOSED and not standing.erased,
        unlock=blocked,
    )


def _device(visit: Visit, one: Device) -> DeviceRow:
    return DeviceRow(one.id, one.name, moment(visit, one.created), moment(visit, one.last_used))


def row(visit: Visit, event: Event) -> HistoryRow:
    """A line of the record in words."""
    own = event.service in ("internal", "service")
    actor = visit._("le service") if own else event.actor
    return HistoryRow(
        stamp(visit, event.at),
        visit._("la personne elle-même") if event.actor == "self" else actor,
        action_words(visit, event.action),
        ", ".join(filter(None, ("" if own else door_words(visit, event.service), event.peer))),
        told(visit, event.detail),
    )


def door_words(visit: Visit, service: str) -> str:
    """A door in the reader's language; one that is called the same in both stands as it is."""
    _ = visit._
    return {
        "web": _("site web"),
        "console": _("console"),
        "submission": _("envoi par logiciel"),
        "imap": "IMAP",
        "sieve": "ManageSieve",
        "smtp": "SMTP",
        "dav": _("agendas et contacts (DAV)"),
        "ldap": _("annuaire (LDAP)"),
        "import": _("import"),
    }.get(service, service)


def action_words(visit: Visit, action: audit.Action) -> str:
    """An act in the reader's language."""
    _ = visit._
    kind = audit.Action
    return {
        kind.CREATED: _("Compte créé"),
        kind.CHANGED: _("Fiche modifiée"),
        kind.CODE_ISSUED: _("Code donné"),
        kind.ACTIVATED: _("Compte activé"),
        kind.PASSWORD_SET: _("Mot de passe choisi"),
        kind.SUSPENDED: _("Suspendu"),
        kind.RESUMED: _("Rouvert"),
        kind.CLOSED: _("Fermé"),
        kind.CLOSING_PLANNED: _("Fermeture prévue"),
        kind.CLOSING_CANCELLED: _("Fermeture annulée"),
        kind.EXPORTED: _("Données exportées"),
        kind.ERASED: _("Effacé"),
        kind.DELETED: _("Entrée supprimée"),
        kind.LETTER_PRINTED: _("Lettre imprimée"),
        kind.WELCOMED: _("Lettre de bienvenue"),
        kind.NOTIFIED: _("Prévenu"),
        kind.RECOVERY_ASKED: _("Code de secours demandé"),
        kind.RECOVERY_SET: _("Adresse de secours changée"),
        kind.FACTOR_SET: _("Double authentification activée"),
        kind.FACTOR_REMOVED: _("Double authentification retirée"),
        kind.RECOVERY_CODES: _("Codes de secours renouvelés"),
        kind.APP_PASSWORD_MADE: _("Mot de passe d’application créé"),
        kind.APP_PASSWORD_REVOKED: _("Mot de passe d’application révoqué"),
        kind.SESSIONS_CLOSED: _("Sessions fermées"),
        kind.QUOTA_SET: _("Quota changé"),
        kind.IMPORTED: _("Import"),
        kind.IMPORT_UNDONE: _("Import annulé"),
        kind.LIST_CHANGED: _("Liste modifiée"),
        kind.RIGHTS_CHANGED: _("Droits modifiés"),
        kind.RULE_CHANGED: _("Règle modifiée"),
        kind.FILTERS_CHANGED: _("Filtres de messages modifiés"),
        kind.BRAKED: _("Frein serré"),
        kind.RELEASED: _("Frein desserré"),
        kind.CONSOLE_ENTERED: _("Entrée dans la console"),
        kind.UNLOCKED: _("Débloqué"),
        kind.QUEUE_CHANGED: _("File d’attente modifiée"),
        kind.TRACED: _("Suivi de message consulté"),
        kind.AUDIT_READ: _("Journal exporté ou vérifié"),
        kind.CHARTER_ACCEPTED: _("Charte acceptée"),
        kind.BULLETIN_CHANGED: _("Annonce ou maintenance modifiée"),
        kind.JUNK_TAUGHT: _("Filtre des indésirables"),
        kind.MODEL_CHANGED: _("Modèle de lettre de l’académie modifié"),
        kind.INFECTED_DECIDED: _("Message infecté"),
        kind.SUBMISSION_DECIDED: _("Envoi retenu"),
        kind.LETTER_CONFIRMED: _("Envoi à confirmer"),
        kind.QUIET_HOURS_SET: _("Heures de repos de l’académie ou d’un établissement"),
        kind.URGENT_SENT: _("Message urgent"),
        kind.MAILING_DECIDED: _("Envoi en nombre"),
        kind.SECURED: _("Compte mis en sécurité"),
        kind.ALLOWANCE_SET: _("Limites d’envoi changées"),
        kind.MAIL_WITHDRAWN: _("Message retiré de toutes les boîtes"),
        kind.MAIL_RECOVERED: _("Messages supprimés récupérés"),
        kind.REMOVED_SHOWN: _("Messages supprimés consultés"),
        kind.ITEMS_RECOVERED: _("Événements ou contacts supprimés récupérés"),
        kind.RESTORED: _("Restauré depuis une sauvegarde"),
        kind.REPORTS_DECIDED: _("Signalements classés"),
        kind.LOGIN: _("Connexion"),
        kind.LOGIN_FAILED: _("Connexion manquée"),
        kind.LOGIN_REFUSED: _("Connexion refusée"),
    }.get(action, action.value)
