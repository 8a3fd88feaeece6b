"""Verbs of `mailserver account` that need more of the program than others: each is imported when it is asked for."""

from collections.abc import Callable
from typing import Any

from mailserver.cli.on_demand import Families, OnDemandGroup
from mailserver.texts.command_line import _

verbs = Families()


class Accounts(OnDemandGroup):
    """The group of the commands about accounts."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(verbs, **attributes)


@verbs.add("devices", _("Lister ou révoquer les mots de passe d’application d’une personne."))
def _devices() -> Callable[..., None]:
    from mailserver.cli.accounts.factors import devices

    return devices


@verbs.add(
    "factors",
    _(
        "Montrer ou retirer le second facteur d’une personne. Qui doit en avoir un le configure de "
        "nouveau à la prochaine connexion."
    ),
)
def _factors() -> Callable[..., None]:
    from mailserver.cli.accounts.factors import factors

    return factors


@verbs.add(
    "letters",
    _(
        "Imprimer des lettres scellées avec de nouveaux codes à usage unique pour les personnes "
        "d’un établissement qui attendent l’activation."
    ),
)
def _letters() -> Callable[..., None]:
    from mailserver.cli.accounts.letters import letters

    return letters


@verbs.add(
    "log",
    _("Lister le registre d’un compte ou de tous, le plus récent d’abord ; ou vérifier que personne ne l’a changé."),
)
def _log() -> Callable[..., None]:
    from mailserver.cli.accounts.log import log

    return log


@verbs.add(
    "secure",
    _(
        "Un compte est piraté : fermer ses sessions, révoquer ses mots de passe, retenir ses envois, éteindre filtres "
        "et transfert, donner un nouveau code, montrer ce qui est parti depuis 48 heures et à qui."
    ),
)
def _secure() -> Callable[..., None]:
    from mailserver.cli.accounts.secure import secure

    return secure


@verbs.add(
    "export",
    _(
        "Écrire tout ce qu’un compte contient dans un fichier zip : courrier, agendas, contacts, "
        "profil. Les comptes fermés aussi.\n\n"
        "Code de retour 1 : des messages sont abîmés dans le stockage ; le fichier les nomme et "
        "contient tous les autres."
    ),
)
def _export() -> Callable[..., None]:
    from mailserver.cli.accounts.export import export

    return export
