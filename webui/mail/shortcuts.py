"""The page of the keys: what they do, and whether they do."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.store.account import stored_preferences
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings


@dataclass(frozen=True, slots=True)
class Key:
    """A key, or several in a row, and what it does."""

    keys: str
    text: str


@dataclass(frozen=True, slots=True)
class ShortcutsPage:
    """All of them, by place."""

    frame: MailShell
    groups: tuple[tuple[str, tuple[Key, ...]], ...]
    on: bool


async def show_shortcuts(services: Services, visit: Visit) -> Response:
    """GET /m/raccourcis."""
    page = ShortcutsPage(await surroundings(services, visit), _groups(visit), visit.preferences.shortcuts)
    return services.pages.answer(visit, "mail/shortcuts.html", page)


async def save(services: Services, visit: Visit) -> Response:
    """POST /m/raccourcis: turn them on or off."""
    changes = {"shortcuts": visit.form.text("faire") == "activer"}
    await services.store.write(stored_preferences.revise_preferences, visit.account_id, changes)
    return redirect(visit, f"{visit.base}/raccourcis", **done("reglages"))


def _groups(visit: Visit) -> tuple[tuple[str, tuple[Key, ...]], ...]:
    _ = visit._
    return (
        (
            _("Partout"),
            (
                Key("/", _("Rechercher")),
                Key("c", _("Écrire un message")),
                Key("g i", _("Boîte de réception")),
                Key("g a", _("Agenda")),
                Key("g c", _("Contacts")),
                Key("F6", _("Aller de la liste aux messages en cours d’écriture, et revenir")),
                Key(_("Échap"), _("Réduire le message en cours d’écriture, sans rien perdre")),
                Key("?", _("Cette page")),
            ),
        ),
        (
            _("Se déplacer dans la liste"),
            (
                Key("j ↓", _("Message suivant")),
                Key("k ↑", _("Message précédent")),
                Key(_("Entrée"), _("Ouvrir le message")),
                Key(_("Échap"), _("Revenir à la liste, ou tout décocher")),
                Key("R", _("Actualiser")),
            ),
        ),
        (
            _("Agir sur les messages cochés, ou sur celui qui a le focus"),
            (
                Key("x", _("Cocher ou décocher")),
                Key("*", _("Cocher ou décocher toute la page")),
                Key("e", _("Archiver")),
                Key("# Suppr", _("Supprimer")),
                Key("!", _("Signaler comme indésirable")),
                Key("i", _("Marquer comme lu")),
                Key("u", _("Marquer comme non lu")),
                Key("s", _("Suivre")),
                Key("v", _("Ranger dans un dossier")),
                Key("l", _("Étiqueter")),
                Key("b", _("Reporter")),
                Key("m", _("Masquer la conversation")),
                Key("z", _("Annuler la dernière action")),
            ),
        ),
        (
            _("Dans l’agenda, sur un événement"),
            (
                Key("← ↑ ↓ →", _("Déplacer")),
                Key(_("Majuscule ↑ ↓"), _("Allonger ou raccourcir")),
                Key("c", _("Copier")),
                Key(_("Entrée"), _("Enregistrer ce qui est déplacé ou copié, sinon ouvrir")),
                Key("n", _("Nouvel événement")),
                Key("z", _("Annuler la dernière action")),
            ),
        ),
    )
