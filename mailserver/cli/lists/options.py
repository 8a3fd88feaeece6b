"""The options of `list create` and `list set`: what each says of a list is written here once."""

from typing import Annotated

import typer

from mailserver.model.identity import Answers, Archive
from mailserver.model.identity import Writers as WritersOf
from mailserver.texts.command_line import _

Name = Annotated[str | None, typer.Option(help=_("Nom montré aux gens."))]
Owners = Annotated[
    list[str] | None, typer.Option("--owner", help=_("Adresse d’un responsable, parmi tous ; peut être répété."))
]
Members = Annotated[list[str] | None, typer.Option("--member", "-m", help=_("Adresse d’un membre ; peut être répété."))]
Named = Annotated[
    list[str] | None,
    typer.Option(
        "--writer",
        help=_(
            "Adresse, parmi toutes, qui peut écrire quoi que dise --writers, une fois son titulaire connecté ; ce qui "
            "s’en réclame de l’extérieur attend les responsables. Peut être répété."
        ),
    ),
]
Writers = Annotated[
    WritersOf | None,
    typer.Option(
        help=_(
            "Qui peut lui écrire. À la création : anyone (tous), ou house (l’académie) pour une liste vivante et pour "
            "celle d’un établissement."
        ),
        show_default=False,
    ),
]
Moderated = Annotated[
    bool | None,
    typer.Option(
        "--moderated/--open", help=_("Ce que d’autres écrivent attend un responsable, ou non."), show_default=False
    ),
]
HiddenMembers = Annotated[
    bool | None,
    typer.Option(
        "--hidden-members/--shown-members",
        help=_("Seuls les responsables voient qui en fait partie, ou tous."),
        show_default=False,
    ),
]
School = Annotated[str | None, typer.Option("--uai", help=_("Établissement dont c’est la liste."))]
AnswersTo = Annotated[
    Answers | None, typer.Option("--answers", help=_("Où vont les réponses, sauf si l’auteur l’a dit."))
]
LastDay = Annotated[
    str, typer.Option(metavar="DAY", help=_("2027-06-30 : après ce jour la liste ne reçoit plus de messages."))
]
NewQuery = Annotated[str | None, typer.Option("--query", help=_("D’une liste vivante."))]
NoOwner = Annotated[bool, typer.Option("--no-owner", help=_("Retirer tous les responsables."))]
NoWriter = Annotated[bool, typer.Option("--no-writer", help=_("Retirer toutes les personnes nommées."))]
NoEnd = Annotated[bool, typer.Option("--no-end", help=_("Elle continue : pas de dernier jour."))]
MayLeave = Annotated[
    bool | None,
    typer.Option("--may-leave/--no-leave", help=_("Les membres extérieurs la quittent d’eux-mêmes, ou non.")),
]
AsList = Annotated[
    bool | None,
    typer.Option(
        "--as-list/--as-author",
        help=_("Ce qui part à l’extérieur est toujours au nom de la liste, ou seulement quand il le faut (DMARC)."),
    ),
]
MaxSize = Annotated[
    int | None, typer.Option(metavar="OCTETS", help=_("Taille d’un message au plus ; 0 : pas de limite propre."))
]
MaxHourly = Annotated[
    int | None, typer.Option(metavar="COUNT", help=_("Messages d’une heure au plus ; 0 : pas de limite."))
]
ArchiveReaders = Annotated[
    Archive | None,
    typer.Option(
        "--archive",
        help=_(
            "Qui lit ce qu’elle a diffusé, outre ses responsables : none (personne, rien n’est gardé), owners, "
            "members ou academy (toute personne qui a un compte). Les messages d’avant gardent leurs lecteurs d’alors."
        ),
    ),
]
Older = Annotated[
    bool, typer.Option("--older", help=_("Ouvrir à ces lecteurs les messages d’avant aussi ; dit combien."))
]
Digest = Annotated[
    bool | None,
    typer.Option("--digest/--each", help=_("Qui n’a rien choisi reçoit un message par jour, ou chaque message.")),
]
Function = Annotated[bool, typer.Option("--function", help=_("Une boîte fonctionnelle, détenue par ses membres."))]
