"""Why a letter cannot leave, in the words of the page."""

from mailserver.model.errors import Reason, Refused
from mailserver.model.rules import Denied
from webui.compose.addressing.recipients import refusal_text, spoken
from webui.page.context import Visit


def refused(visit: Visit, refusal: Refused) -> str:
    """Why a letter cannot leave."""
    _ = visit._
    if isinstance(refusal, Denied):
        return spoken(visit, refusal)
    texts = {
        Reason.TOO_BIG: _("Le message est trop volumineux."),
        Reason.TOO_MANY_RECIPIENTS: _("Il y a trop de destinataires."),
        Reason.SUSPENDED: _("Votre compte ne peut pas envoyer de messages."),
        Reason.SENDER_NOT_OWNED: _("Vous ne pouvez pas écrire avec cette adresse."),
        Reason.FORBIDDEN: _("Vous ne pouvez pas écrire avec cette adresse."),
        Reason.LIMIT: _("Trop de messages attendent déjà de partir."),
        Reason.NOT_FOUND: _(
            "Vous n’avez plus accès au message d’origine : il n’est plus cité. Relisez votre message, puis envoyez-le."
        ),
        Reason.INVALID: _("Indiquez une date et une heure à venir, dans l’année."),
    }
    if refusal.reason in (Reason.NO_SUCH_RECIPIENT, Reason.OVER_QUOTA):
        return refusal_text(visit, refusal, refusal.text.partition(":")[0])
    return texts.get(refusal.reason, _("Le message n’a pas été envoyé. Votre brouillon est gardé."))
