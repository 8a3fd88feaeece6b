"""How a list's address says what it shows: `?f=nonlus,pj&tri=de&sens=haut&page=3`, and the person's own defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

from mailserver.model.account.preferences import Preferences
from mailserver.store.web.webmail import Sort, View
from webui.http.forms import positive
from webui.page.context import COMPLETE, Visit
from webui.page.language import Language
from webui.page.shell.mail_shell import Folder, query_string

SEARCH = "recherche?"
"""What the parameters of a list begin with that is of results (`webui.mail.search.search_walk`)."""
MAX_SEARCH = 999
"""Characters of those: of a parameter no more is read."""
FILTERS = ("nonlus", "suivis", "pj", "internes")
ASCENDING = "haut"
MAX_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks of a list."""

    filters: tuple[str, ...]
    sort: Sort
    ascending: bool
    tag: str
    page: int
    """From 1."""

    def query(self, **other: str | int) -> str:
        """The same as parameters, with some of them changed."""
        said: dict[str, str | int] = {
            "f": ",".join(self.filters),
            "etiquette": self.tag,
            "tri": self.sort.value,
            "sens": ASCENDING if self.ascending else "",
            "page": self.page if self.page > 1 else "",
        }
        return query_string(**{**said, **other})


def asked(parameters: Mapping[str, str], preferences: Preferences) -> Asked:
    """Read the parameters of an address; what is none is left out."""
    wanted = parameters.get("f", "").split(",")
    plain = "tri" not in parameters
    sort = preferences.sort if plain else parameters["tri"]
    return Asked(
        tuple(one for one in FILTERS if one in wanted),
        Sort(sort) if sort in set(Sort) else Sort.DATE,
        preferences.ascending if plain else parameters.get("sens", "") == ASCENDING,
        tag.keyword if (tag := preferences.tag(parameters.get("etiquette", ""))) else "",
        min(positive(parameters.get("page", "")) or 1, MAX_PAGE),
    )


def from_text(text: str, preferences: Preferences) -> Asked:
    """The same from a query string that a form carries."""
    return asked({name: values[0] for name, values in parse_qs(text[:500]).items()}, preferences)


def view(wanted: Asked, folder: Folder, preferences: Preferences, domain: str) -> View:
    """What the store is asked for."""
    return View(
        sort=wanted.sort,
        ascending=wanted.ascending,
        unseen="nonlus" in wanted.filters,
        flagged="suivis" in wanted.filters,
        attachments="pj" in wanted.filters,
        inside=domain if "internes" in wanted.filters else "",
        keyword=wanted.tag,
        grouped=preferences.conversations and not folder.outgoing,
        outgoing=folder.outgoing,
    )


def kept(visit: Visit, text: str) -> str:
    """The parameters of the list that a message was opened from, as its page keeps them; empty: the usual list."""
    if text.startswith(SEARCH):
        return of_search(text)
    if not text or visit.interface != COMPLETE:
        return ""
    said = from_text(text, visit.preferences)
    usual = asked({}, visit.preferences)
    return "" if replace(said, page=1) == usual else said.query(page="")


def of_search(text: str) -> str:
    """The same of a page of results, written anew so that nothing else stands in it; empty: it is none, or too long."""
    if len(text) >= MAX_SEARCH:
        return ""
    said = {name: values[0] for name, values in parse_qs(text.removeprefix(SEARCH)).items()}
    parameters = query_string(**{name: said.get(name, "") for name in ("q", "d", "avant", "sous")})
    return SEARCH + parameters if said.get("q") else ""


def of_list(visit: Visit, folder: Folder, text: str, domain: str) -> View:
    """What the list shows that a message was opened from (`text`: its parameters)."""
    if visit.interface != COMPLETE or text.startswith(SEARCH):
        return View(outgoing=folder.outgoing)
    return view(from_text(text, visit.preferences), folder, visit.preferences, domain)


def acts_whole(visit: Visit, folder: Folder, back: str) -> bool:
    """Whether what is done to the message that is read is done to its conversation: where the list that one goes back
    to (the parameters of its address) has conversations as one."""
    return of_list(visit, folder, back, "").shows_conversations


def list_address(visit: Visit, box_id: int, back: str) -> str:
    """The list that `back` names as its forms do: the parameters of a page of the folder, or a search."""
    base = visit.base
    if back.startswith(SEARCH):
        return f"{base}/{plain_address(back)}"
    if "=" in back and "/" not in back:
        return f"{base}/dossier/{box_id}?{plain_address(back)}"
    return f"{base}/dossier/{box_id}"


def plain_address(text: str) -> str:
    """Only what an address of ours may hold: a return address must not smuggle a header or another host."""
    return "".join(char for char in text[:500] if char.isascii() and (char.isalnum() or char in "?=&%.+-_/"))


def tag_name(language: Language, keyword: str, name: str) -> str:
    """What a tag is called: the person's word, or the usual one."""
    _ = language.texts.gettext
    usual = {
        "$label1": _("Important"),
        "$label2": _("Travail"),
        "$label3": _("Personnel"),
        "$label4": _("À faire"),
        "$label5": _("Plus tard"),
    }
    return name or usual.get(keyword.casefold(), keyword)
