"""What has just been done in the agenda: its page says it by a word of ours in the address."""

from mailserver.outbound.submission.became import Became
from webui.page.context import Visit
from webui.page.words import became


def announcement(visit: Visit) -> str:
    """The sentence for what the address says was done; only our own words."""
    _ = visit._
    letter = became.asked(visit)
    if visit.query("agenda") == "repondu" and letter is not Became.LEFT:
        said = became.sentence(visit, letter, _("Le message à l’organisateur"))
        return _("Votre réponse est notée dans votre agenda.") + " " + said
    return {
        "cree": _("Événement créé."),
        "modifie": _("Événement modifié."),
        "deplace": _("Événement déplacé."),
        "copie": _("Événement copié."),
        "supprime": _("Événement supprimé."),
        "repris": _("La modification est annulée."),
        "tard": _("Il est trop tard pour annuler."),
        "repondu": _("Votre réponse est partie."),
        "tache-creee": _("Tâche ajoutée."),
        "tache-modifiee": _("Tâche modifiée."),
        "tache-faite": _("Tâche faite."),
        "tache-rouverte": _("Tâche à refaire."),
        "tache-supprimee": _("Tâche supprimée."),
        "deja-a-rendre": _("Ce message est déjà parmi ce qui est à rendre : changez sa date ici."),
        "affichage": _("Affichage enregistré."),
        "agenda-cree": _("Agenda créé."),
        "agenda-modifie": _("Agenda modifié."),
        "agenda-supprime": _("Agenda supprimé."),
        "abonne": _("Abonnement enregistré."),
        "desabonne": _("L’abonnement est terminé."),
        "actualise": _("Agenda actualisé."),
        "agenda-quitte": _("Cet agenda n’est plus parmi les vôtres."),
        "partage": _("Partage enregistré."),
        "partage-retire": _("Partage retiré."),
        "importe": visit.language.texts.ngettext(
            "%(n)s événement importé.", "%(n)s événements importés.", _number(visit)
        )
        % {"n": visit.language.number(_number(visit))},
    }.get(visit.query("agenda"), "")


def _number(visit: Visit) -> int:
    text = visit.query("n")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
