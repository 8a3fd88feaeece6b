"""What has just been done: an act redirects to a page, and its address says by a word of ours what the page tells."""

from collections.abc import Mapping

from webui.http.forms import positive
from webui.page.context import Visit

MOST = 999_999
LATEST = 4_102_444_800
"""The year 2100, in seconds since 1970."""


def done(what: str, count: int = 0, undo: str = "", where: int = 0) -> dict[str, str | int]:
    """Parameters of the address that an action redirects to: what the next page says at its top."""
    return {"fait": what, "n": count, "vers": where, "annuler": undo, "_at": "annonce"}


def announcement(visit: Visit) -> str:
    """The sentence for what the address says was done; empty for nothing."""
    count = min(positive(visit.query("n")), MOST)
    sentences = _messages(visit, count) | _letters(visit, count) | _shelves(visit) | _account(visit, count)
    found = sentence(visit, sentences, count)
    if found and visit.query("autre") and visit.query("fait") in _letters(visit, count):
        found += " " + visit._("Une autre version, modifiée ailleurs, reste dans vos brouillons.")
    if found and visit.query("fait") in _letters(visit, count):
        found += unread(visit)
    return found


def unread(visit: Visit) -> str:
    """What is said of a letter's files that nobody could look into, by the number in the address; empty: of none."""
    count = positive(visit.query("nonlus"))
    said = visit._("Documents joints qui n’ont pas pu être lus : %(n)s. Vérifiez qu’il n’y a rien de personnel.")
    return " " + said % {"n": visit.language.number(min(count, MOST))} if count else ""


def departed(visit: Visit, announced: str) -> str:
    """What is said of a letter that has left, when its departure was announced in these words."""
    sentences = _letters(visit, 0)
    return sentences.get(announced.replace("part", "envoye", 1), sentences["envoye"])


def sentence(visit: Visit, sentences: Mapping[str, str], count: int) -> str:
    """The one that the address asks for, with its number: only our own words, never the address's."""
    found = sentences.get(visit.query("fait"), "")
    if not found:
        return ""
    moment = min(positive(visit.query("quand")), LATEST)
    return found % {"n": visit.language.number(count), "moment": visit.language.long_date(moment)}


def _messages(visit: Visit, count: int) -> dict[str, str]:
    """Of messages and folders."""
    _ = visit._
    ngettext = visit.language.texts.ngettext
    return {
        "supprimer": ngettext("%(n)s message mis à la corbeille.", "%(n)s messages mis à la corbeille.", count),
        "effacer": ngettext("%(n)s message effacé.", "%(n)s messages effacés.", count),
        "archives-ouvertes": ngettext(
            "Liste enregistrée ; %(n)s message d’avant est ouvert à ces lecteurs.",
            "Liste enregistrée ; %(n)s messages d’avant sont ouverts à ces lecteurs.",
            count,
        ),
        "archiver": ngettext("%(n)s message archivé.", "%(n)s messages archivés.", count),
        "indesirable": ngettext(
            "%(n)s message signalé comme indésirable.", "%(n)s messages signalés comme indésirables.", count
        ),
        "desirable": ngettext(
            "%(n)s message remis dans la boîte de réception.",
            "%(n)s messages remis dans la boîte de réception.",
            count,
        ),
        "recuperes": ngettext("%(n)s message remis en place.", "%(n)s messages remis en place.", count),
        "elements-recuperes": ngettext("%(n)s élément remis en place.", "%(n)s éléments remis en place.", count),
        "deplacer": ngettext("%(n)s message déplacé.", "%(n)s messages déplacés.", count),
        "copier": ngettext("%(n)s message copié.", "%(n)s messages copiés.", count),
        "lu": ngettext("%(n)s message marqué comme lu.", "%(n)s messages marqués comme lus.", count),
        "nonlu": ngettext("%(n)s message marqué comme non lu.", "%(n)s messages marqués comme non lus.", count),
        "suivre": ngettext("%(n)s message suivi.", "%(n)s messages suivis.", count),
        "plussuivre": ngettext("%(n)s message n’est plus suivi.", "%(n)s messages ne sont plus suivis.", count),
        "a-rendre": _("La date est notée : ce message est parmi ce qui est à rendre."),
        "a-rendre-plein": _("Votre liste de tâches est pleine : la date n’a pas été notée."),
        "quel-jour": _("Choisissez le jour où c’est à rendre."),
        "reporter": ngettext(
            "%(n)s message reporté : il reviendra le %(moment)s.",
            "%(n)s messages reportés : ils reviendront le %(moment)s.",
            count,
        ),
        "quand": _("Choisissez un moment à venir pour reporter ces messages."),
        "etiqueter": ngettext("%(n)s message étiqueté.", "%(n)s messages étiquetés.", count),
        "desetiqueter": ngettext("Étiquette retirée de %(n)s message.", "Étiquette retirée de %(n)s messages.", count),
        "quelle-etiquette": _("Choisissez une étiquette dans la liste."),
        "demasquer": ngettext(
            "%(n)s conversation n’est plus masquée.", "%(n)s conversations ne sont plus masquées.", count
        ),
        "annuler": ngettext("%(n)s message remis à sa place.", "%(n)s messages remis à leur place.", count),
        "tard": _("Il est trop tard pour annuler."),
        "rien": _("Aucun message n’était coché : rien n’a changé."),
        "ou": _("Choisissez un dossier dans la liste « Déplacer vers »."),
        "cree": _("Dossier créé."),
        "renomme": _("Dossier renommé."),
        "dossier": _("Dossier supprimé."),
        "dossier-lu": ngettext("%(n)s message marqué comme lu.", "%(n)s messages marqués comme lus.", count),
        "partage": _("Partage enregistré."),
        "partage-retire": _("Partage retiré."),
        "carnet-quitte": _("Ce carnet n’est plus parmi les vôtres."),
    }


def _letters(visit: Visit, count: int) -> dict[str, str]:
    """Of letters one writes."""
    _ = visit._
    ngettext = visit.language.texts.ngettext
    return {
        "envoye": _("Message envoyé."),
        "attend": _(
            "Votre compte a beaucoup envoyé : ce message attend l’accord du service informatique. "
            "Un message vous le dit."
        ),
        "envoye-boite": _(
            "Message envoyé au nom de la boîte. La copie est dans les messages envoyés de la boîte : vos collègues la "
            "voient."
        ),
        "envoye-soi": _("Message envoyé au nom de la boîte. La copie est dans vos messages envoyés."),
        "part-boite": ngettext(
            "Envoi au nom de la boîte dans %(n)s seconde ; la copie ira dans les messages envoyés de la boîte.",
            "Envoi au nom de la boîte dans %(n)s secondes ; la copie ira dans les messages envoyés de la boîte.",
            count,
        ),
        "part-soi": ngettext(
            "Envoi au nom de la boîte dans %(n)s seconde ; la copie ira dans vos messages envoyés.",
            "Envoi au nom de la boîte dans %(n)s secondes ; la copie ira dans vos messages envoyés.",
            count,
        ),
        "mailing-approuve": _("Envoi approuvé."),
        "mailing-refuse": _("Envoi refusé. Son auteur est prévenu."),
        "mailing-programme": _("Heure de départ enregistrée."),
        "mailing-arrete": _("Envoi arrêté : personne d’autre ne le reçoit."),
        "mailing-repris": _("Envoi repris."),
        "mailing-annule": _("Envoi annulé."),
        "mailing": _("C’est un envoi en nombre : suivez-le ici."),
        "brouillon": _("Brouillon enregistré."),
        "part": ngettext("Envoi dans %(n)s seconde.", "Envoi dans %(n)s secondes.", count),
        "programme": _("Envoi programmé."),
        "rappele": _("Envoi annulé : votre message est de nouveau un brouillon."),
        "parti": _("Il est trop tard : le message est parti."),
        "n-attend-plus": _(
            "Il est trop tard : ce message n’attend plus. Il est parti, ou de nouveau dans vos brouillons."
        ),
        "renonce": _("Le message ne partira pas."),
        "deja-rappele": _("L’envoi était déjà annulé : votre message est dans vos brouillons."),
        "ecriture": _("Signatures et modèles enregistrés."),
        "modele": _("Modèle enregistré."),
        "abandon": _("Brouillon mis à la corbeille."),
        "retrouve": _("Votre texte est là : relisez-le, puis envoyez-le."),
        "fichiers": _("Votre texte est là. Ajoutez de nouveau vos pièces jointes, relisez-le, puis envoyez-le."),
    }


def _shelves(visit: Visit) -> dict[str, str]:
    """Of settings, searches, lists, contacts and boxes."""
    _ = visit._
    return {
        "reglages": _("Réglages enregistrés."),
        "regles-en-service": _("Vos règles sont en service."),
        "expediteurs": _("Vos expéditeurs sont enregistrés."),
        "script": _("Script enregistré."),
        "reponses": _("Ces réponses peuvent sortir de l’académie."),
        "script-en-service": _("Script en service."),
        "script-supprime": _("Script supprimé."),
        "regles-non-proposees": _("Aucune règle ne sera plus proposée : cela se change dans les réglages de lecture."),
        "regles-arretees": _("Vos règles sont arrêtées."),
        "regles-sans-script": _("Votre script n’est plus appelé ; il reste comme il est."),
        "regle": _("Règle enregistrée."),
        "regle-faite": _("Règle enregistrée : elle vaut dès le prochain message."),
        "regle-supprimee": _("Règle supprimée."),
        "regle-retablie": _("Règle rétablie."),
        "transfert-demande": _("Un message demande son accord à cette adresse. Rien n’est renvoyé d’ici là."),
        "transfert-arrete": _("Plus rien n’est renvoyé."),
        "absence": _("Réponse automatique enregistrée."),
        "absence-finie": _("Réponse automatique arrêtée. Vos textes sont gardés."),
        "recherche-gardee": _("Recherche gardée : elle est à côté de vos dossiers."),
        "recherche-oubliee": _("Recherche retirée."),
        "recherche-refusee": _(
            "Cette recherche n’a pas pu être gardée : il y en a déjà trop, ou le nom ne convient pas."
        ),
        "recherches-effacees": _("Vos dernières recherches sont oubliées."),
        "liste-faite": _("Liste créée."),
        "liste-gardee": _("Liste enregistrée."),
        "rythme-garde": _("C’est noté : vos prochains messages de cette liste viendront à ce rythme."),
        "archive-retiree": _("Message retiré des archives de la liste."),
        "liste-supprimee": _("Liste supprimée."),
        "membre-repris": _("La liste lui envoie de nouveau ses messages."),
        "message-accepte": _("Message envoyé à la liste."),
        "message-refuse": _("Message refusé. Son auteur est prévenu s’il est de l’académie."),
        "contact-garde": _("Fiche enregistrée."),
        "contact-supprime": _("Fiche supprimée."),
        "groupe-garde": _("Groupe enregistré."),
        "carnet-garde": _("Carnet enregistré."),
        "annonce-rouverte": _("L’annonce est de nouveau en haut de vos pages."),
        "expediteur": _("Ce choix est oublié."),
        "carnet-supprime": _("Carnet supprimé avec ses contacts."),
        "fusion": _("Fiches réunies en une seule."),
        "repos": _("Heures de repos enregistrées."),
        "lettres-imprimees": _("Document enregistré (PDF) : il reste à l’imprimer et à le remettre."),
        "boite-remise": _("Boîte remise : ses titulaires sont à jour."),
    }


def _account(visit: Visit, count: int) -> dict[str, str]:
    """Of one’s account, and of those of a school."""
    _ = visit._
    ngettext = visit.language.texts.ngettext
    return {
        "session": _("Session fermée."),
        "sessions": _("Vos autres sessions sont fermées, sur tous vos appareils."),
        "revoque": _("Mot de passe d’application révoqué."),
        "avis-retire": _("Ce navigateur ne sera plus prévenu."),
        "simple": _("Double authentification désactivée."),
        "secours": ngettext(
            "Code de secours accepté. Il vous en reste %(n)s.",
            "Code de secours accepté. Il vous en reste %(n)s.",
            count,
        ),
        "compte-suspendu": _("Ce compte est suspendu : il ne peut pas recevoir de code."),
        "motdepasse": _("Mot de passe changé. Vos autres sessions sont fermées."),
        "secours-envoye": _("Un code a été envoyé à cette adresse. Saisissez-le ci-dessous."),
        "secours-bon": _("Adresse de secours enregistrée."),
        "secours-retire": _("Adresse de secours retirée."),
    }
