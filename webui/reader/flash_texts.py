"""What the reader says at its top after something was done: only our own words, never the address's."""

from starlette.responses import Response

from mailserver.outbound.submission.became import Became
from webui.page.context import Visit
from webui.page.flash import unread
from webui.page.rendering import redirect
from webui.page.words import became


def said(visit: Visit) -> str:
    """The sentence for the deed that the address names; empty for any other."""
    _ = visit._
    sentences = {
        "images": _("Les images de cet expéditeur seront affichées."),
        "sans-images": _("Les images de cet expéditeur ne seront plus affichées d’elles-mêmes."),
        "sur": _("Les messages de cet expéditeur sont sûrs, dites-vous. Cela se reprend dans Contacts, Expéditeurs."),
        "plus-sur": _("Vous serez de nouveau mis en garde contre les messages de cet expéditeur."),
        "bloque": _("Expéditeur bloqué : ses prochains messages ne passent plus par la boîte de réception."),
        "bloque-arrete": _(
            "Expéditeur bloqué, mais vos règles sont arrêtées : mettez-les en service dans les réglages."
        ),
        "bloque-echec": _("Cet expéditeur ne peut pas être bloqué."),
        "accuse": _("Accusé de lecture envoyé."),
        "accuse-refuse": _("Aucun accusé de lecture ne sera envoyé pour ce message."),
        "accuse-deja": _("La réponse à cette demande d’accusé était déjà donnée."),
        "hameconnage": _(
            "Merci : le message est signalé à l’équipe informatique et rangé dans les indésirables. Vous saurez ce "
            "qu’elle en décide."
        ),
        "hameconnage-trop": _(
            "Message rangé dans les indésirables. Vous avez déjà signalé aujourd’hui autant de messages que possible."
        ),
        "hameconnage-copie": _(
            "Message rangé dans les indésirables. Il n’est pas signalé : il a été copié dans votre boîte, il n’y est "
            "pas arrivé."
        ),
        "desabonne": _("Demande de désabonnement envoyée."),
        "desabonne-echec": _("La demande de désabonnement n’a pas abouti. Réessayez, ou signalez un indésirable."),
        "redirige": _("Message redirigé."),
        "oui": _("Réunion acceptée et inscrite à votre agenda ; la réponse est envoyée à l’organisateur."),
        "peut-etre": _("Réunion inscrite comme incertaine ; la réponse est envoyée à l’organisateur."),
        "non": _("Réunion refusée ; la réponse est envoyée à l’organisateur."),
        "horaire": _("Autre horaire proposé à l’organisateur ; la réunion est inscrite comme incertaine."),
        "horaire-inconnu": _("Rien n’est envoyé : indiquez un jour, un début et une fin."),
        "agenda-retire": _("La réunion annulée est retirée de votre agenda."),
        "agenda-note": _("La réponse du participant est notée dans votre agenda."),
        "agenda-perime": _("Cette invitation est dépassée : une version plus récente est dans votre agenda."),
        "agenda-autrui": _("Cette réunion est à quelqu’un d’autre : votre agenda n’est pas modifié."),
        "organisateur-autre": _(
            "L’invitation nomme comme organisateur quelqu’un qui n’a pas envoyé ce message : rien n’est envoyé."
        ),
        "organisateur-autre-note": _(
            "L’invitation nomme comme organisateur quelqu’un qui n’a pas envoyé ce message : aucune réponse ne lui est "
            "envoyée. C’est noté dans votre agenda."
        ),
        "agenda-echec": _("L’agenda n’a pas pu prendre cette réunion : ses dates ne conviennent pas."),
    }
    word = visit.query("dit")
    found = sentences.get(word, "")
    letter = became.asked(visit)
    if letter is not Became.LEFT and word.startswith("hameconnage"):
        copy = visit._("La copie entière du message pour l’équipe de sécurité")
        found += " " + became.sentence(visit, letter, copy)
    elif letter is not Became.LEFT and word in (heads := _without_letter(visit)):
        act, what = heads[word]
        found = f"{act} {became.sentence(visit, letter, what)}".lstrip()
    return found + unread(visit) if word == "redirige" else found


def _without_letter(visit: Visit) -> dict[str, tuple[str, str]]:
    """Of acts that send a letter: what was done all the same, and what the letter is, where it did not simply leave."""
    _ = visit._
    answer = _("La réponse à l’organisateur")
    uncertain = _("Réunion inscrite comme incertaine.")
    return {
        "accuse": ("", _("L’accusé de lecture")),
        "desabonne": ("", _("La demande de désabonnement")),
        "redirige": ("", _("Le message redirigé")),
        "oui": (_("Réunion acceptée et inscrite à votre agenda."), answer),
        "peut-etre": (uncertain, answer),
        "non": (_("Réunion refusée."), answer),
        "horaire": (uncertain, _("Votre proposition d’un autre horaire")),
    }


def back(visit: Visit, message: int, box: int, what: str, **more: str | int) -> Response:
    """Back to the message, which says what was done, and by `became.parameter` what became of a letter."""
    return redirect(visit, f"{visit.base}/message/{message}", d=box, dit=what, _at="annonce", **more)
