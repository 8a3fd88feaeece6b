"""What a page says of a letter that it sent along: that it left, or what it waits for, or that it did not leave.

An address names it by a word of ours (`lettre`), as an act does (`webui.page.flash`).
"""

from starlette.responses import Response

from mailserver.outbound.submission import became
from mailserver.outbound.submission.became import Became
from mailserver.outbound.submission.departure import Outcome
from webui.page.context import Visit
from webui.page.flash import done
from webui.page.rendering import redirect


def parameter(became: Became) -> dict[str, str]:
    """Of the address that an act redirects to."""
    return {} if became is Became.LEFT else {"lettre": became.value}


def asked(visit: Visit) -> Became:
    """What the address says; LEFT where it says nothing that we know."""
    word = visit.query("lettre")
    return next((one for one in Became if one.value == word), Became.LEFT)


def sentence(visit: Visit, became: Became, what: str) -> str:
    """`what` (« La réponse ») and what became of it; empty where it left, which each page says in its own words."""
    _ = visit._
    said = {
        Became.ASKS: _(
            "%(what)s attend votre confirmation : il y a dedans quelque chose qui ne quitte pas l’académie sans votre "
            "accord."
        ),
        Became.HELD: _("%(what)s attend l’accord du service informatique, car votre compte a beaucoup envoyé."),
        Became.APPROVAL: _("%(what)s va à beaucoup de monde et attend l’accord d’une deuxième personne."),
        Became.MAILING: _("%(what)s va à beaucoup de monde : suivez cela dans vos envois en nombre."),
        Became.PLANNED: _("%(what)s partira à l’heure prévue."),
        Became.TOO_MUCH: _("%(what)s n’a pas pu partir : votre compte a trop envoyé. Réessayez plus tard."),
        Became.REFUSED: _("%(what)s n’a pas pu partir : le service n’a pas accepté cet envoi."),
        Became.LATER: _("%(what)s n’a pas pu partir pour l’instant. Réessayez dans un moment."),
        Became.NOBODY: _("%(what)s n’a pas pu partir : il n’y a personne d’autre à qui l’envoyer."),
    }.get(became, "")
    return said % {"what": what}


def after(visit: Visit, outcome: Outcome) -> Response:
    """The page to which one comes who has just let a letter of theirs go."""
    match became.of(outcome):
        case Became.ASKS:
            return redirect(visit, f"{visit.base}/envois/a-confirmer")
        case Became.APPROVAL | Became.MAILING:
            return redirect(visit, f"{visit.base}/envois-en-nombre/{outcome.mailing}", **done("mailing"))
        case Became.PLANNED:
            return redirect(visit, f"{visit.base}/envois", **done("programme"))
        case Became.HELD:
            return redirect(visit, f"{visit.base}/", **done("attend"))
        case _:
            return redirect(visit, f"{visit.base}/", **done("envoye"))
