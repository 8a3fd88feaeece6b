"""Models: the words of a letter kept under a name, and put into others; the fields of the academy’s filled in."""

import re
from collections.abc import Mapping
from dataclasses import replace
from html import escape

from mailserver.model.errors import Reason, Refused
from mailserver.model.sending import letter_fields
from mailserver.store.people import schools
from mailserver.store.web import academy_models
from mailserver.store.web import signatures as kept
from mailserver.store.web.signatures import Model
from mailserver.store.web.webmail.compose_data import ComposeData
from webui.compose.message import signatures
from webui.compose.message.message_form import MAX_SUBJECT, NONE, Letter, plain
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


async def academy(services: Services, visit: Visit, letter: Letter, number: int) -> Letter:
    """The letter with a model of the academy for the person's role, its fields filled in; one that is gone adds
    nothing."""
    found = await services.store.read(academy_models.one_for, visit.principal.role, number)
    if found is None:
        return letter
    values = await field_values(services, visit)
    subject = letter_fields.filled(found.subject, values)[:MAX_SUBJECT]
    text = letter_fields.filled(found.text, values)
    # Cleaned after it was filled in: a field may stand in the address of a link.
    html = bare(letter_fields.filled(found.html, values, escape)) if found.html else ""
    return inserted(letter, Model(0, visit.account_id, found.name, subject, text, html))


async def field_values(services: Services, visit: Visit) -> Mapping[str, str]:
    """What the fields of a model become for the person who writes; empty: it is not known."""
    principal = visit.principal
    school = await services.store.read(schools.get, principal.uai) if principal.uai else None
    return {
        "prenom": principal.given_name,
        "nom": principal.surname,
        "nom_complet": principal.name,
        "civilite": principal.title,
        "adresse": principal.address,
        "etablissement": school.name if school else "",
        "uai": principal.uai,
        "ville": school.town if school else "",
        "date": visit.language.plain_date(visit.now),
    }


def bare(html: str) -> str:
    """HTML as a model keeps it: cleaned, without pictures, which are a letter's."""
    return _PICTURE.sub("", html_view.clean(html, html_view.nowhere).html).strip()


async def keep(services: Services, visit: Visit, letter: Letter, desk: ComposeData) -> None:
    """Keep a letter's words as a model of the person's own, in place of the one with the same name.

    Without its signature, and without its pictures, which are the letter's. Raises Refused(INVALID | LIMIT | TOO_BIG).
    """
    name = " ".join((visit.form.text("nom_modele") or letter.subject).split())[: kept.MAX_NAME]
    unsigned = signatures.signed(visit, letter, desk.signatures, NONE)
    html = bare(unsigned.html) if unsigned.html else ""
    text = (plain(html) if html else unsigned.text).strip()
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
