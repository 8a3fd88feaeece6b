"""The settings pages: a section each, saved by itself. What may be chosen: `mailserver.model.account.preferences`."""

from dataclasses import dataclass, field

from starlette.responses import Response

from mailserver.calendars.icalendar.zones import ACADEMIES
from mailserver.model.account.preferences import MAX_SIGNATURE, NEVER
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import sessions, stored_preferences
from webui.account.session.session_start import YEAR
from webui.compose.message.message_form import SPOKEN
from webui.installed.push import subscriptions
from webui.installed.push.subscriptions import Browsers
from webui.page import quiet_choice
from webui.page.context import BASES, COMPLETE, INTERFACE, LANGUAGE, Services, Visit, set_cookie
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words import durations


@dataclass(frozen=True, slots=True)
class Option:
    """A value and what it is called."""

    value: str | int | bool
    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One choice: a box to tick when it has no options, a text when it has a length."""

    name: str
    title: str
    options: tuple[Option, ...] = ()
    length: int = 0
    hint: str = ""
    complete_only: bool = False
    push: bool = False
    """It is about browsers that are told while they are closed."""


@dataclass(frozen=True, slots=True)
class Section:
    """One page of settings."""

    code: str
    title: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """A section with what is chosen."""

    frame: MailShell
    section: Section
    chosen: dict[str, object] = field(default_factory=dict)
    told: Browsers | None = None
    """Browsers that are told while they are closed, on the page where that is chosen."""
    why: str = ""
    """Where what holds comes from, on the page of quiet hours."""


def sections(visit: Visit) -> tuple[Section, ...]:
    """Every section, in the reader's language."""
    _ = visit._
    return (
        Section("affichage", _("Affichage"), _display(visit)),
        Section("lecture", _("Lecture"), _reading(visit)),
        Section("redaction", _("Rédaction"), _writing(visit)),
        Section("notifications", _("Notifications"), _news(visit)),
        Section(quiet_choice.CODE, _("Heures de repos"), _quiet(visit)),
        Section("agenda", _("Agenda"), _agenda(visit)),
        Section("langue", _("Langue et heure"), _language(visit)),
        Section("accessibilite", _("Accessibilité et clavier"), _access(visit)),
    )


def _options(*pairs: tuple[str | int | bool, str]) -> tuple[Option, ...]:
    return tuple(Option(value, text) for value, text in pairs)


def _display(visit: Visit) -> tuple[Setting, ...]:
    _ = visit._
    size = _options(("normal", _("normale")), ("grand", _("grande")), ("tres-grand", _("très grande")))
    theme = _options(("auto", _("comme mon appareil")), ("clair", _("clair")), ("sombre", _("sombre")))
    density = _options(
        ("auto", _("selon la hauteur de la fenêtre")),
        ("confort", _("trois lignes")),
        ("normale", _("deux lignes")),
        ("compacte", _("une ligne")),
    )
    swipe = _options(("supprimer", _("le supprime")), ("lu", _("le marque comme lu")), ("rien", _("ne fait rien")))
    layout = _options(
        ("droite", _("à droite de la liste")), ("bas", _("sous la liste")), ("liste", _("à la place de la liste"))
    )
    sort = _options(("date", _("date")), ("de", _("expéditeur")), ("objet", _("objet")), ("taille", _("taille")))
    return (
        Setting(
            "interface", _("Interface"), _options(("complet", _("Webmail complet")), ("simple", _("Webmail simplifié")))
        ),
        Setting("page_size", _("Messages par page"), _options((25, "25"), (50, "50"), (100, "100"))),
        Setting("text_size", _("Taille du texte"), size),
        Setting("theme", _("Couleurs"), theme),
        Setting("density", _("Densité de la liste"), density, complete_only=True),
        Setting("layout", _("Message ouvert"), layout, complete_only=True),
        Setting(
            "named_icons",
            _("Icônes avec leur nom"),
            hint=_("Dans la barre au-dessus d’un message."),
            complete_only=True,
        ),
        Setting("swipe", _("Sur un téléphone, pousser un message vers la droite"), swipe, complete_only=True),
        Setting("sort", _("Trier les messages par"), sort, complete_only=True),
        Setting("ascending", _("Du plus ancien au plus récent"), complete_only=True),
    )


def _reading(visit: Visit) -> tuple[Setting, ...]:
    _ = visit._
    shown = _options((False, _("version texte")), (True, _("version mise en forme")))
    paper = _options(("blanc", _("sur papier blanc")), ("sombre", _("en sombre")))
    seconds = visit._("après %(n)s secondes")
    marked = _options(
        (0, _("aussitôt")), (3, seconds % {"n": 3}), (10, seconds % {"n": 10}), (NEVER, _("jamais de lui-même"))
    )
    images = _options(
        ("demander", _("me demander")), ("internes", _("de l’académie seulement")), ("toujours", _("toujours"))
    )
    receipts = _options(("demander", _("me demander")), ("toujours", _("toujours")), ("jamais", _("jamais")))
    order = _options((True, _("du plus récent au plus ancien")), (False, _("du plus ancien au plus récent")))
    after = _options(
        ("suivant", _("ouvrir le suivant")), ("precedent", _("ouvrir le précédent")), ("liste", _("revenir à la liste"))
    )
    return (
        Setting("formatted", _("Ouvrir un message en"), shown),
        Setting(
            "paper",
            _("Avec des couleurs sombres, messages mis en forme"),
            paper,
            hint=_("Ceux qui sont déjà sombres restent comme ils sont."),
        ),
        Setting("mark_read", _("Marquer comme lu un message ouvert"), marked, complete_only=True),
        Setting("after_action", _("Après avoir rangé, reporté ou supprimé un message"), after),
        Setting("offer_rules", _("Proposer une règle quand je range un message de la boîte de réception")),
        Setting("images", _("Montrer les images venues d’ailleurs"), images),
        Setting("receipts", _("Envoyer les accusés de lecture demandés"), receipts),
        Setting("conversations", _("Réunir les messages d’une même conversation"), complete_only=True),
        Setting("newest_first", _("Dans une conversation, ordre des messages"), order, complete_only=True),
        Setting("remember_searches", _("Retenir mes dernières recherches")),
    )


def _writing(visit: Visit) -> tuple[Setting, ...]:
    _ = visit._
    place = _options((False, _("au-dessus du message cité")), (True, _("en dessous")))
    kind = _options(
        ("", _("la forme que l’académie a choisie")), ("texte", _("texte simple")), ("forme", _("mise en forme"))
    )
    language = _options(("", _("celle de l’interface")), *SPOKEN.items())
    seconds = visit._("%(n)s secondes")
    where = _options((True, _("un panneau, par-dessus la liste")), (False, _("une page")))
    undo = _options((0, _("non")), *((n, seconds % {"n": n}) for n in (5, 10, 20, 30)))
    return (
        Setting("answer_below", _("Écrire ma réponse"), place),
        Setting("composing", _("Commencer un message en"), kind, complete_only=True),
        Setting("spelling", _("Langue du correcteur orthographique"), language),
        Setting("panel", _("Écrire dans"), where, complete_only=True),
        Setting("undo_send", _("Pouvoir annuler un envoi pendant"), undo),
        Setting("signature", _("Signature"), length=MAX_SIGNATURE),
    )


def _news(visit: Visit) -> tuple[Setting, ...]:
    _ = visit._
    hint = _("Votre navigateur doit le permettre, et la messagerie être ouverte dans un onglet.")
    shows = _options(
        ("objet", _("l’expéditeur et l’objet")),
        ("expediteur", _("l’expéditeur")),
        ("nombre", _("leur nombre seulement")),
    )
    return (
        Setting("announce", _("Dire l’arrivée de nouveaux messages dans la page"), complete_only=True),
        Setting("desktop", _("Les montrer aussi sur l’écran de l’appareil"), hint=hint, complete_only=True),
        Setting("desktop_shows", _("Y montrer"), shows, complete_only=True),
        Setting("sound", _("Avec un son"), complete_only=True),
        *_closed(visit),
    )


def _closed(visit: Visit) -> tuple[Setting, ...]:
    _ = visit._
    shows = _options(
        ("rien", _("« Nouveau message » seulement")),
        ("expediteur", _("l’expéditeur")),
        ("objet", _("l’expéditeur et l’objet")),
    )
    return (
        Setting("push_shows", _("Navigateur fermé, montrer"), shows, complete_only=True, push=True),
        Setting("push_reminders", _("Avec les rappels de l’agenda"), complete_only=True, push=True),
    )


def _quiet(visit: Visit) -> tuple[Setting, ...]:
    """When nothing is shown, at any device."""
    _ = visit._
    whose = _options((False, _("comme mon établissement ou l’académie")), (True, _("comme je le choisis ici")))
    hint = _("Ceux de la zone choisie dans l’agenda, sinon de l’académie.")
    return (
        Setting("quiet_own", _("Mes heures de repos sont"), whose),
        Setting("quiet_from", _("Ne rien montrer à partir de"), _options(*quiet_choice.first_hours(visit))),
        Setting("quiet_to", _("jusqu’à"), _options(*quiet_choice.last_hours())),
        Setting("quiet_weekends", _("Ni le samedi ni le dimanche")),
        Setting("quiet_holidays", _("Ni pendant les congés scolaires"), hint=hint),
    )


def _agenda(visit: Visit) -> tuple[Setting, ...]:
    _ = visit._
    begins = tuple(Option(hour, f"{hour:02}:00") for hour in (6, 7, 8, 9, 10))
    ends = tuple(Option(hour, f"{hour:02}:00") for hour in (16, 17, 18, 19, 20, 22))
    first = _options((0, _("lundi")), (6, _("dimanche")))
    views = _options(("semaine", _("semaine")), ("jour", _("jour")), ("mois", _("mois")), ("liste", _("liste")))
    before = (0, 5, 10, 15, 30, 60, 1440)
    reminders = _options(
        (NEVER, _("aucun")), *((minutes, durations.before(visit.language, minutes)) for minutes in before)
    )
    return (
        Setting("agenda_view", _("Ouvrir l’agenda sur"), views, complete_only=True),
        Setting("day_begins", _("La journée commence à"), begins),
        Setting("day_ends", _("et finit à"), ends),
        Setting("week_begins", _("La semaine commence le"), first),
        Setting("weekends", _("Semaine de 7 jours")),
        Setting("reminder", _("Rappel d’un nouvel événement"), reminders),
    )


def _language(visit: Visit) -> tuple[Setting, ...]:
    _ = visit._
    zones = _options(("", _("celui de l’académie")), *((name, name.rpartition("/")[2]) for name in ACADEMIES))
    return (
        Setting("language", _("Langue"), _options(("fr", "Français"), ("en", "English"))),
        Setting("zone", _("Fuseau horaire"), zones),
    )


def _access(visit: Visit) -> tuple[Setting, ...]:
    _ = visit._
    return (
        Setting("contrast", _("Contraste renforcé")),
        Setting("underlined", _("Souligner tous les liens")),
        Setting("calm", _("Aucune animation")),
        Setting(
            "shortcuts",
            _("Raccourcis clavier d’une lettre"),
            hint=_("Désactivez-les si vous dictez votre texte ou si des touches partent par erreur."),
            complete_only=True,
        ),
    )


def settings_of(visit: Visit, section: Section) -> tuple[Setting, ...]:
    """What a section offers in this interface."""
    return tuple(setting for setting in section.settings if visit.interface == COMPLETE or not setting.complete_only)


def _section(services: Services, visit: Visit) -> Section:
    code = visit.request.path_params.get("section", "affichage")
    found = next((section for section in sections(visit) if section.code == code), None)
    if found is None or not settings_of(visit, found):
        raise Refused(Reason.NOT_FOUND)
    push = subscriptions.is_on(services.settings)
    return Section(found.code, found.title, tuple(one for one in settings_of(visit, found) if push or not one.push))


async def show_preferences(services: Services, visit: Visit) -> Response:
    """GET /reglages/{section}; without a section the display."""
    section = _section(services, visit)
    chosen = {setting.name: getattr(visit.preferences, setting.name) for setting in section.settings}
    if "interface" in chosen:
        chosen["interface"] = visit.interface
    if "language" in chosen:
        chosen["language"] = visit.language.code
    told = await subscriptions.listed(services, visit, "reglages") if section.code == "notifications" else None
    why = ""
    if section.code == quiet_choice.CODE:
        why, shown = await quiet_choice.shown(services, visit)
        chosen |= shown
    page = SettingsPage(await surroundings(services, visit), section, chosen, told, why)
    return services.pages.answer(visit, "account/settings/settings.html", page)


async def save(services: Services, visit: Visit) -> Response:
    """POST /reglages/{section}: keep what is valid; a value that is none stays as it was."""
    section = _section(services, visit)
    changes = {setting.name: _value(visit, setting) for setting in section.settings}
    if section.code == quiet_choice.CODE:
        changes = quiet_choice.changes(changes)
    chosen = await services.store.write(stored_preferences.revise_preferences, visit.account_id, changes)
    base = visit.base
    if "interface" in changes:
        base = BASES[chosen.interface]
        await services.store.write(sessions.choose_interface, visit.session.token_hash, chosen.interface)
    response = redirect(visit, f"{base}/reglages/{section.code}", **done("reglages"))
    if "interface" in changes:
        set_cookie(response, visit, INTERFACE, chosen.interface, seconds=YEAR)
    if "language" in changes:
        set_cookie(response, visit, LANGUAGE, chosen.language or visit.language.code, seconds=YEAR)
    return response


def _value(visit: Visit, setting: Setting) -> object:
    """What was posted for a setting, as its kind of value; None when it is none of its options."""
    if setting.length:
        return visit.form.text(setting.name).replace("\r\n", "\n").strip()[: setting.length]
    if not setting.options:
        return visit.form.has(setting.name)
    posted = visit.form.text(setting.name)
    return next((option.value for option in setting.options if str(option.value) == posted), None)
