"""Models: a letter's words kept under a name, and put into other letters."""

import re
from dataclasses import replace

from mailserver.model.errors import Reason, Refused
from mailserver.store.web import signatures as kept
from mailserver.store.web.signatures import Model
from mailserver.store.web.webmail.compose_data import ComposeData
from webui.compose.message import signatures
from webui.compose.message.message_form import NONE, Letter, plain
from webui.page.context import Services, Visit
from webui.reader.content import html_view

_PICTURE = re.compile(r'<img(?:[^>"]|"[^"]*")*>')
"""As the cleaner writes one."""


def inserted(letter: Letter, model: Model) -> Letter:
    """The letter with a model before what is written already; its subject where there is none."""
    text = f"{model.text.rstrip()}\n\n{letter.text.lstrip(chr(10))}" if letter.text.strip() else model.text
    formatted = model.html or f"<div>{signatures.lines(model.text)}</div>"
    html = formatted + letter.html if letter.html else ""
    return replace(letter, subject=letter.subject or model.subject, text=text, html=html)


async def keep(services: Services, visit: Visit, letter: Letter, desk: ComposeData) -> None:
    """Keep a letter's words as a model of the person's own, in place of the one with the same name.

    Without its signature, and without its pictures, which are the letter's. Raises Refused(INVALID | LIMIT | TOO_BIG).
    """
    name = " ".join((visit.form.text("nom_modele") or letter.subject).split())[: kept.MAX_NAME]
    bare = signatures.signed(visit, letter, desk.signatures, NONE)
    html = _PICTURE.sub("", html_view.clean(bare.html, html_view.nowhere).html).strip() if bare.html else ""
    text = (plain(html) if html else bare.text).strip()
    if not name or not text:
        raise Refused(Reason.INVALID)
    mine = (one.id for one in desk.models if one.owner == visit.account_id and one.name == name)
    wanted = Model(next(mine, 0), visit.account_id, name, letter.subject, text, html)
    await services.store.write(kept.save_model, visit.account_id, wanted)


def refused(visit: Visit, reason: Reason) -> str:
    """Why a signature or a model is not kept; empty: for no reason of theirs."""
    texts = {
        Reason.INVALID: visit._("Donnez un nom et un texte."),
        Reason.LIMIT: visit._("Vous en avez déjà cent : supprimez-en d’abord."),
        Reason.TOO_BIG: visit._("Ce texte est trop long pour un modèle."),
    }
    return texts.get(reason, "")
