"""The page of tags: what messages can be marked with, each a keyword that every other program sees, too."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from starlette.responses import Response

from mailserver.model.account.preferences import MAX_TAG_NAME, MAX_TAGS, TAG_COLOURS, USUAL_TAGS, Preferences, Tag
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import strip_marks
from mailserver.store.account import stored_preferences
from mailserver.store.web.webmail.tag_counts import tag_counts
from webui.mail.folders import colours
from webui.mail.labels import tag_name
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

MAX_KEYWORD = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """A tag with the name that people see, and how many messages have it."""

    tag: Tag
    name: str
    count: int
    saved: bool
    """It has just been changed or added."""
    typed: tuple[str, str] = ("", "")
    """A name and a colour that are not kept: it has changed elsewhere since it was shown."""

    @property
    def state(self) -> str:
        """What it is by now, as a form brings it back."""
        return state(self.tag)


@dataclass(frozen=True, slots=True)
class TagsPage:
    """Every tag on a line that opens to be changed, and an empty form."""

    frame: MailShell
    tags: Sequence[Shown]
    colours: tuple[tuple[str, str], ...]
    usual_missing: bool
    fault: str = ""
    typed: str = ""


class _ChangedMeanwhile(Refused):
    """A tag is not what it was where its form was shown."""

    def __init__(self) -> None:
        super().__init__(Reason.CONFLICT, "It was changed meanwhile")


def state(tag: Tag) -> str:
    """Its colour and its name."""
    return f"{tag.colour} {tag.name}"


async def show_tags(
    services: Services,
    visit: Visit,
    fault: str = "",
    typed: str = "",
    changed: Mapping[str, tuple[str, str]] | None = None,
) -> Response:
    """GET /reglages/etiquettes; `changed`: by its keyword, what is not kept of a tag that changed meanwhile."""
    keywords = [tag.keyword for tag in visit.preferences.tags]
    counts = await services.store.read_slow(visit.account_id, tag_counts, visit.account_id, keywords)
    saved = visit.query("cle")
    tags = [
        Shown(
            tag,
            tag_name(visit.language, tag),
            counts[tag.keyword.casefold()],
            tag.keyword == saved,
            (changed or {}).get(tag.keyword, ("", "")),
        )
        for tag in visit.preferences.tags
    ]
    missing = any(visit.preferences.tag(tag.keyword) is None for tag in USUAL_TAGS)
    page = TagsPage(await surroundings(services, visit), tags, colours(visit), missing, fault, typed)
    return services.pages.answer(visit, "mail/tags.html", page, 422 if fault or changed else 200)


async def save(services: Services, visit: Visit) -> Response:
    """POST /reglages/etiquettes: add, change or remove one; or put the usual ones back."""
    form = visit.form
    name, colour = " ".join(form.text("nom").split())[:MAX_TAG_NAME], form.text("couleur")
    colour = colour if colour in TAG_COLOURS else "gris"
    try:
        change = partial(_changed, visit, form.text("faire"), form.text("cle")[:60], name, colour)
        await services.store.write(stored_preferences.change_preferences, visit.account_id, change)
    except _ChangedMeanwhile:
        return await show_tags(services, visit, changed={form.text("cle")[:60]: (name, colour)})
    except Refused as refusal:
        texts = {
            Reason.INVALID: visit._("Donnez un nom à l’étiquette."),
            Reason.LIMIT: visit._("Vous avez déjà %(n)s étiquettes.") % {"n": MAX_TAGS},
            Reason.CONFLICT: visit._("Une étiquette porte déjà ce nom."),
        }
        if refusal.reason not in texts:
            raise
        return await show_tags(services, visit, texts[refusal.reason], name)
    changed = form.text("cle")[:60] if form.text("faire") == "changer" else ""
    return redirect(visit, f"{visit.base}/reglages/etiquettes", cle=changed, **done("reglages"))


def _changed(
    visit: Visit, action: str, keyword: str, name: str, colour: str, kept: Preferences
) -> dict[str, tuple[Tag, ...]]:
    """One change of the tags that are kept by now. Raises Refused(INVALID | LIMIT | CONFLICT | NOT_FOUND)."""
    match action:
        case "ajouter":
            tags = (*kept.tags, Tag(_keyword(kept, name), _new_name(visit, kept, name), colour))
        case "usuelles":
            tags = (*kept.tags, *(tag for tag in USUAL_TAGS if kept.tag(tag.keyword) is None))
        case "retirer" if (tag := kept.tag(keyword)) is not None:
            _check(visit, tag)
            tags = tuple(tag for tag in kept.tags if tag.keyword != keyword)
        case "changer" if (tag := kept.tag(keyword)) is not None:
            if not name:
                raise Refused(Reason.INVALID)
            if not tag.name and name == tag_name(visit.language, tag):
                name = ""  # a usual tag stays in the reader's language
            after = replace(tag, name=name, colour=colour)
            if after != tag:
                _check(visit, tag)
            tags = tuple(after if one is tag else one for one in kept.tags)
        case _:
            raise Refused(Reason.NOT_FOUND)
    if len(tags) > MAX_TAGS:
        raise Refused(Reason.LIMIT)
    return {"tags": tags}


def _check(visit: Visit, tag: Tag) -> None:
    """Raises _ChangedMeanwhile where the form was shown with another name or colour."""
    if visit.form.has("etat") and visit.form.text("etat") != state(tag):
        raise _ChangedMeanwhile


def _new_name(visit: Visit, kept: Preferences, name: str) -> str:
    if not name or not name.isprintable():
        raise Refused(Reason.INVALID)
    if any(_folded(tag_name(visit.language, tag)) == _folded(name) for tag in kept.tags):
        raise Refused(Reason.CONFLICT)
    return name


def _folded(name: str) -> str:
    return strip_marks(name).casefold()


def _keyword(kept: Preferences, name: str) -> str:
    """An IMAP keyword like the name, one that no other tag has."""
    stem = re.sub(r"[^a-z0-9]+", "_", _folded(name)).strip("_")[:MAX_KEYWORD] or "etiquette"
    keyword, number = stem, 1
    while kept.tag(keyword) is not None:
        number += 1
        keyword = f"{stem}_{number}"
    return keyword
