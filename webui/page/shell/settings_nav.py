"""The menu of the settings and of the account's pages, in three groups; the page that is shown is marked."""

from dataclasses import dataclass

from webui.page.context import COMPLETE, Visit


@dataclass(frozen=True, slots=True)
class Entry:
    """One page."""

    title: str
    address: str
    icon: str
    current: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Pages about one thing."""

    title: str
    entries: tuple[Entry, ...]


def menu(visit: Visit) -> tuple[Group, ...]:
    """Every page of the settings that this interface has."""
    _ = visit._
    groups = ((_("Courrier"), _mail(visit)), (_("Affichage"), _display(visit)), (_("Mon compte"), _account(visit)))
    path = visit.request.url.path
    best = max(
        (address for _t, those in groups for _n, address, _i in those if _leads(address, path)), key=len, default=""
    )
    if path == f"{visit.base}/reglages":
        best = f"{path}/affichage"
    if path.startswith(f"{visit.base}/dossier/"):  # one of them: its settings, who shares it
        best = f"{visit.base}/dossiers"
    return tuple(
        Group(title, tuple(Entry(name, address, icon, address == best) for name, address, icon in those))
        for title, those in groups
    )


def _leads(address: str, path: str) -> bool:
    return path == address or path.startswith(f"{address}/")


def _mail(visit: Visit) -> list[tuple[str, str, str]]:
    _, base = visit._, f"{visit.base}/reglages"
    return [
        (_("Lecture"), f"{base}/lecture", "mail-open"),
        (_("Rédaction"), f"{base}/redaction", "pencil"),
        (_("Signatures et modèles"), f"{base}/ecriture", "signature"),
        (_("Règles de tri"), f"{base}/regles", "list-filter"),
        (_("Expéditeurs bloqués"), f"{base}/expediteurs", "shield-check"),
        (_("Absence"), f"{base}/absence", "tree-palm"),
        (_("Transfert"), f"{base}/transfert", "forward"),
        (_("Étiquettes"), f"{base}/etiquettes", "tag"),
        (_("Dossiers"), f"{visit.base}/dossiers", "folder"),
        (_("Récupérer des messages"), f"{visit.base}/recuperer", "history"),
    ]


def _display(visit: Visit) -> list[tuple[str, str, str]]:
    _, base = visit._, f"{visit.base}/reglages"
    found = [
        (_("Affichage"), f"{base}/affichage", "monitor"),
        (_("Accessibilité et clavier"), f"{base}/accessibilite", "accessibility"),
        (_("Langue et heure"), f"{base}/langue", "languages"),
        (_("Notifications"), f"{base}/notifications", "bell"),
        (_("Heures de repos"), f"{base}/repos", "bell-off"),
        (_("Agenda"), f"{base}/agenda", "calendar-days"),
    ]
    return found if visit.interface == COMPLETE else [one for one in found if not one[1].endswith("/notifications")]


def _account(visit: Visit) -> list[tuple[str, str, str]]:
    _ = visit._
    return [
        (_("Compte et sécurité"), "/compte", "shield-check"),
        (_("Mot de passe"), "/compte/mot-de-passe", "key-round"),
        (_("Adresse de secours"), "/compte/secours", "mail"),
        (_("Double authentification"), "/compte/double-authentification", "smartphone"),
        (_("Appareils"), "/compte/appareils", "laptop"),
        (_("Autres logiciels et téléphone"), f"{visit.base}/reglages/logiciels", "link"),
        (_("Sessions"), "/compte/sessions", "globe"),
        (_("Emporter mes données"), "/compte/export", "download"),
    ]
