"""Tags as pages name them: the person's own, and the usual ones in the reader's language."""

from collections.abc import Mapping

from mailserver.model.account.preferences import Tag
from mailserver.model.folding import strip_marks
from webui.page.context import Visit
from webui.page.language import Language


def tag_name(language: Language, tag: Tag) -> str:
    """What a tag is called."""
    if tag.name:
        return tag.name
    _ = language.texts.gettext
    return {
        "$label1": _("Important"),
        "$label2": _("Travail"),
        "$label3": _("Personnel"),
        "$label4": _("À faire"),
        "$label5": _("Plus tard"),
    }[tag.keyword]


def keywords(visit: Visit) -> Mapping[str, str]:
    """The keyword of each tag by its folded name, for searches."""
    named = {strip_marks(tag_name(visit.language, tag)).casefold(): tag.keyword for tag in visit.preferences.tags}
    return {**{tag.keyword.casefold(): tag.keyword for tag in visit.preferences.tags}, **named}
