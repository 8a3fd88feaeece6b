"""Why a message stands in Spam, in plain sentences."""

from collections.abc import Callable, Sequence

from mailserver.filters.rules.senders import holds, named
from mailserver.store.mail import junk
from mailserver.store.mail.junk import Source, Verdict
from mailserver.store.mail.lessons import Said
from mailserver.store.web.webmail import Stored
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import JUNK
from webui.page.words import plain

MAX_WORDS = 6
"""Of a kind that are named."""
_WORD = 40


async def why(services: Services, visit: Visit, found: Stored) -> Sequence[str]:
    """The sentences; none for a message that stands elsewhere."""
    if found.box.special_use != JUNK:
        return ()
    verdict, said = await services.store.read(junk.verdict, found.box.account_id, found.id)
    if verdict is None and said is not Said.SPAM and found.provenance.results.quarantined:
        return [visit._("Rien ne prouve que ce message vient du domaine de son expéditeur, qui demande de l’écarter.")]
    if verdict is not None and verdict.source is Source.FILTER and found.box.account_id == visit.account_id:
        kept = await services.filters.rules.read(visit.account_id)
        blocked = holds(kept.document.blocked.senders, found.sender_address)
        if blocked is not None and said is not Said.SPAM:
            return [visit._("Vous bloquez %(sender)s : ses messages sont rangés ici.") % {"sender": named(blocked)}]
    return sentences(verdict, said, visit._)


def sentences(verdict: Verdict | None, said: Said, _: Callable[[str], str]) -> list[str]:
    """What put it there first, then what that went by."""
    if said is Said.SPAM:
        return [_("Ce message a été classé indésirable à la main, ou par un logiciel de messagerie.")]
    if verdict is None:
        return [_("Ce message a été rangé ici à la main, par une règle ou par un logiciel de messagerie.")]
    if verdict.source is Source.POLICY:
        return [_("Ce message n’est pas authentifié, et le domaine dont il se réclame demande de s’en méfier (DMARC).")]
    if verdict.source is Source.FILTER:
        return [_("Un de vos filtres l’a rangé ici : une règle, ou un expéditeur que vous bloquez.")]
    if verdict.source is Source.LISTED:
        return [
            _("Le serveur d’où vient ce message est signalé comme envoyant des indésirables."),
            *_listed(_("Par ces listes : %(words)s."), verdict.reasons),
        ]
    if verdict.source is Source.SCANNER:
        return [
            _("L’antispam de l’académie lui a donné %(score)s points ; à partir de %(needed)s, c’est un indésirable.")
            % {"score": f"{verdict.score / 100:.1f}", "needed": f"{verdict.threshold / 100:.1f}"},
            *_listed(_("Ses raisons : %(words)s."), verdict.reasons),
        ]
    first = _(
        "Le filtre de l’académie le tient pour indésirable, sûr à %(score)s %% ; il le range ici dès %(needed)s %%."
    )
    return [
        first % {"score": verdict.score // 10, "needed": verdict.threshold // 10},
        *_by_kind(verdict.reasons, _),
        _("Il l’a appris de ce que vous et vos collègues classez indésirable ou non."),
    ]


def _by_kind(tokens: Sequence[str], _: Callable[[str], str]) -> list[str]:
    """The tokens that spoke for junk, sorted by where they stood (`mailserver.inbound.junk.tokens`)."""
    kinds: dict[str, list[str]] = {"": [], "s": [], "f": [], "h": [], "m": []}
    for token in tokens:
        mark, colon, rest = token.partition(":")
        if mark == "a" or rest in ("answers-elsewhere", "none"):
            kinds["m"].append(_form(token, _))
        elif colon and mark in kinds:
            kinds[mark].append(_form(token, _) if mark == "m" else rest)
        elif token:
            kinds[""].append(token)
    return [
        *_listed(_("Des mots fréquents dans les indésirables : %(words)s."), kinds[""]),
        *_listed(_("Des mots de l’objet : %(words)s."), kinds["s"]),
        *_listed(_("Des liens vers : %(words)s."), kinds["h"]),
        *_listed(_("L’expéditeur : %(words)s."), kinds["f"]),
        *_listed(_("La forme : %(words)s."), kinds["m"]),
    ]


def _form(token: str, _: Callable[[str], str]) -> str:
    texts = {
        "m:shouting": _("un objet en majuscules"),
        "m:exclaiming": _("un point d’exclamation dans l’objet"),
        "m:html-alone": _("une mise en forme sans texte"),
        "m:numeric-link": _("un lien vers une adresse en chiffres"),
        "m:puny-link": _("un lien vers un nom en lettres étrangères"),
        "m:no-to": _("aucun destinataire nommé"),
        "m:no-id": _("pas de numéro de message"),
        "m:list": _("un envoi en nombre"),
        "f:answers-elsewhere": _("des réponses qui partent ailleurs"),
        "f:none": _("un expéditeur sans adresse"),
    }
    if token.startswith("a:"):
        return _("un expéditeur qui n’est pas authentifié")
    return texts.get(token, "")


def _listed(sentence: str, words: Sequence[str]) -> list[str]:
    named = list(dict.fromkeys(plain.line(word, _WORD) for word in words if word))[:MAX_WORDS]
    return [sentence % {"words": ", ".join(named)}] if named else []
