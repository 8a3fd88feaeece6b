"""What is around every page of the console: its sections, what was just done, what could not be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.texts import causes
from webui.http.forms import positive
from webui.page.context import Visit
from webui.page.flash import sentence


@dataclass(frozen=True, slots=True)
class Top:
    """The frame of a page."""

    tab: str
    done: str = ""
    fault: str = ""
    query: str = ""
    """What is searched for in all of the console."""


def top(visit: Visit, tab: str, fault: str = "", query: str = "") -> Top:
    """The frame of a page of a section."""
    return Top(tab, announced(visit), fault, query)


def done(what: str, count: int = 0) -> dict[str, str | int]:
    """Parameters of the address an act redirects to: what the next page says."""
    return {"fait": what, "n": count, "_at": "annonce"}


def announced(visit: Visit) -> str:
    """The sentence for what the address says was done; only words of ours."""
    _ = visit._
    ngettext = visit.language.texts.ngettext
    count = min(positive(visit.query("n")), 999_999_999)
    sentences: Mapping[str, str] = {
        "suspendu": _("Compte suspendu."),
        "prevu": _("C’est prévu : la fiche dit pour quand."),
        "rouvert": _("Compte rouvert."),
        "ferme": _("Compte fermé. Il peut être restauré jusqu’à son effacement."),
        "garde": _("La fermeture prévue est annulée."),
        "debloque": _("Compte débloqué : les essais manqués sont oubliés."),
        "sessions": _("Toutes les sessions de cette personne sont fermées."),
        "appareil": _("Mot de passe d’application révoqué."),
        "facteur": _("Double authentification retirée."),
        "quota": _("Quota enregistré."),
        "liste": _("Liste enregistrée."),
        "liste-supprimee": _("Liste supprimée."),
        "boite": _("Boîte fonctionnelle créée."),
        "detenteurs": _("Détenteurs enregistrés."),
        "relance": ngettext("%(n)s envoi relancé.", "%(n)s envois relancés.", count),
        "retenu": ngettext("%(n)s envoi retenu.", "%(n)s envois retenus.", count),
        "libere": ngettext("%(n)s envoi laissé partir.", "%(n)s envois laissés partir.", count),
        "abandonne": ngettext("%(n)s envoi abandonné.", "%(n)s envois abandonnés.", count),
        "jete": ngettext("%(n)s envoi jeté.", "%(n)s envois jetés.", count),
        "retires": ngettext("%(n)s retrait commencé.", "%(n)s retraits commencés.", count),
        "securite-annulee": _("La mise en sécurité est annulée."),
        "envoi-parti": ngettext("%(n)s message est parti.", "%(n)s messages sont partis.", count),
        "envoi-supprime": ngettext("%(n)s message ne partira pas.", "%(n)s messages ne partiront pas.", count),
        "remis": ngettext("%(n)s message remis.", "%(n)s messages remis.", count),
        "transfert": _("Transfert arrêté. La personne est prévenue."),
        "virus-supprime": ngettext("%(n)s message supprimé.", "%(n)s messages supprimés.", count),
        "retrait": _("C’est parti : le message quitte toutes les boîtes en quelques secondes."),
        "retrait-annule": _("C’est parti : les messages reviennent dans les boîtes en quelques secondes."),
        "copies-admises": _("Les nouvelles copies de ce message sont de nouveau acceptées."),
        "signalements-classes": ngettext("%(n)s signalement classé.", "%(n)s signalements classés.", count),
        "mailing-approuve": _("Envoi approuvé."),
        "mailing-refuse": _("Envoi refusé. Son auteur est prévenu."),
        "mailing-programme": _("Heure de départ enregistrée."),
        "mailing-arrete": _("Envoi arrêté : personne d’autre ne le reçoit."),
        "mailing-repris": _("Envoi repris."),
        "mailing-annule": _("Envoi annulé."),
        "regles": _("Règles enregistrées."),
        "repos": _("Heures de repos enregistrées."),
        "frein": _("Le frein est serré : cette population n’envoie plus rien."),
        "desserre": ngettext(
            "Le frein est desserré, %(n)s envoi part.", "Le frein est desserré, %(n)s envois partent.", count
        ),
        "desserre-rien": _("Le frein est desserré."),
        "annonce": _("Annonce enregistrée."),
        "annonce-retiree": _("Annonce retirée."),
        "modele": _("Modèle enregistré. Il est dans les messages à écrire dès maintenant."),
        "modele-retire": _("Modèle retiré."),
    }
    return sentence(visit, sentences, count)


def words(visit: Visit, refusal: Refused) -> str:
    """Why an act was not done, for the person who wanted it."""
    _ = visit._
    cause = causes.of(refusal)
    if refusal.reason in (Reason.INVALID, Reason.LIMIT, Reason.NO_SUCH_RECIPIENT) and cause.name != "plain":
        return _("Rien n’a été changé : %(why)s.") % {"why": visit.language.say(cause)}
    match refusal.reason:
        case Reason.CONFLICT:
            return _("Ce n’est plus possible dans l’état où c’est à présent. Rien n’a été changé.")
        case Reason.INVALID:
            return _("Une valeur ne peut pas être acceptée. Rien n’a été changé.")
        case Reason.LIMIT:
            return _("C’est plus que ce qui est permis. Rien n’a été changé.")
        case Reason.NO_SUCH_RECIPIENT:
            return _("Une des adresses ne mène à personne ici. Rien n’a été changé.")
        case Reason.READ_ONLY_DIRECTORY:
            return _("L’annuaire appartient à quelqu’un d’autre : c’est là que cela se change.")
        case _:
            raise refusal


def moment(visit: Visit, seconds: int) -> str:
    """A day and an hour; a dash for never."""
    return visit.language.long_date(seconds) if seconds else "–"


def stamp(visit: Visit, seconds: int) -> str:
    """The same for tables: `26/11/2026 16:50`."""
    if not seconds:
        return "–"
    return datetime.fromtimestamp(seconds, visit.language.zone).strftime("%d/%m/%Y %H:%M")


def day_of(text: str) -> date | None:
    """A day as a date field gives it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def begin_of(visit: Visit, day: date) -> int:
    """The first second of a day here."""
    return int(datetime.combine(day, time(), visit.language.zone).timestamp())


def end_of(visit: Visit, day: date) -> int:
    """The first second after a day here: 23 to 25 hours after its first."""
    return begin_of(visit, min(day, date.max - timedelta(days=1)) + timedelta(days=1))


def sender_proof(visit: Visit, came: Provenance) -> str:
    """What was found out about who sent a message: names of protocols and their results stand in every language."""
    said = {
        Door.SUBMISSION: visit._("envoyé par un compte d’ici"),
        Door.RESENT: visit._("transmis par un compte d’ici"),
        Door.SERVICE: visit._("envoyé par le service"),
        Door.APPENDED: visit._("copie faite dans la boîte"),
    }
    results = came.results
    if came.door in said or not results.checked:
        return said.get(came.door) or visit._("pas vérifié")
    outcomes = (("SPF", results.spf), ("DKIM", results.dkim), ("DMARC", results.dmarc))
    return ", ".join(f"{name} {outcome.name.lower().replace('_', ' ')}" for name, outcome in outcomes)
