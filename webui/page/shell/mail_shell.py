"""What surrounds every mail page: the folders with their counts, and the space used."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from mailserver.model.errors import Reason, Refused
from mailserver.store.mail import access
from mailserver.store.mail.access import Reach, Rights
from mailserver.store.mail.known_senders import MAX_SENDER
from mailserver.store.mail.mailboxes import INBOX, SEPARATOR, Mailbox
from mailserver.store.web.webmail import folders
from webui.http.forms import positive
from webui.page.context import COMPLETE, Services, Visit
from webui.page.flash import announcement
from webui.page.language import Language
from webui.page.shell.app_nav import Application, applications
from webui.page.shell.avatars import Avatar, avatar

DRAFTS, SENT, JUNK, TRASH, ARCHIVE = "\\Drafts", "\\Sent", "\\Junk", "\\Trash", "\\Archive"
_ORDER = ("", DRAFTS, SENT, ARCHIVE, JUNK, TRASH)
_ICONS = {DRAFTS: "file-pen-line", SENT: "send", ARCHIVE: "archive", JUNK: "shield-alert", TRASH: "trash-2"}
_BELOW = " › "
UNDO_SECONDS = 300
NEARLY_FULL = 0.95
MAX_SHARED = 200
"""Mailboxes of others on a page, functional boxes first: who shares thousands with everybody fills nobody's pages.
A search goes through all of them."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox as the pages name it."""

    id: int
    title: str
    path: str
    """With the folders above it, for lists of choices."""
    icon: str
    use: str
    depth: int
    count: int
    """Unread messages; in Drafts, all of them; in Trash and Sent none."""
    counted: str
    current: bool
    colour: str = ""
    owner: int = 0
    """Whose account it is in."""
    rights: Rights = access.ALL
    holder: str = ""
    """Whose it is, where it is of others."""
    name: str = ""
    """What it is called beside the other folders of the same holder."""

    @property
    def open(self) -> bool:
        """One may put something into it."""
        return "i" in self.rights

    @property
    def outgoing(self) -> bool:
        """True where the person is the author and recipients matter."""
        return self.use in (SENT, DRAFTS)

    @property
    def own(self) -> bool:
        """True for a folder the person made."""
        return not self.use and self.icon == "folder"

    @property
    def foreign(self) -> bool:
        """True for a mailbox of somebody else, or of a function."""
        return bool(self.holder)


@dataclass(frozen=True, slots=True)
class Branch:
    """A folder with those below it."""

    folder: Folder
    below: tuple["Branch", ...]
    inside: int
    """Unread messages in all of those below."""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class MailShell:
    """The surroundings of a page."""

    folders: tuple[Folder, ...]
    rail: tuple[Application, ...]
    avatar: Avatar
    space: str
    used: int
    quota: int
    query: str = ""
    done: str = ""
    undo: str = ""
    shortage: str = ""
    renewal: str = ""
    """The password has to be renewed soon: by when."""
    closing: str = ""
    """The account will be closed: when."""
    departure: int = 0
    """A letter that has just been sent and can still be called back."""
    draft: int = 0
    """What it would be again."""
    shared: tuple[Folder, ...] = ()
    """Mailboxes of others, where a page shows them."""
    abroad: int = 0
    """The mailbox of others that the page is about: a letter that is begun here begins there."""
    folded: tuple[int, ...] = ()
    """The mailboxes below which the column shows nothing."""
    flagged: int = 0
    """Messages of one's own that are flagged."""
    filed: str = ""
    """Whose message was filed by hand just now: what still comes from there may be filed by a rule."""
    filed_in: int = 0
    """The mailbox that it was filed in."""

    @property
    def all_folders(self) -> tuple[Folder, ...]:
        """One's own and those of others."""
        return (*self.folders, *self.shared)

    @property
    def usual(self) -> Sequence[Branch]:
        """The inbox and the folders of special use."""
        return branches([folder for folder in self.folders if not folder.own], ())

    @property
    def made(self) -> Sequence[Branch]:
        """The folders the person made, as a tree."""
        return branches([folder for folder in self.folders if folder.own], self.folded)

    @property
    def holders(self) -> Mapping[str, Sequence[Folder]]:
        """The mailboxes of others by whose they are."""
        found: dict[str, list[Folder]] = {}
        for folder in self.shared:
            found.setdefault(folder.holder, []).append(folder)
        return found

    def folder(self, mailbox_id: int) -> Folder:
        """The folder of a mailbox that is in the list. Raises Refused(NO_SUCH_MAILBOX)."""
        for folder in self.all_folders:
            if folder.id == mailbox_id:
                return folder
        raise Refused(Reason.NO_SUCH_MAILBOX)

    def targets(self, origin: Folder) -> list[Folder]:
        """Where messages of a folder may be put."""
        return [one for one in self.all_folders if one.id != origin.id and one.use != DRAFTS and one.open]

    def use(self, special_use: str) -> Folder | None:
        """The folder of a special use."""
        return next((folder for folder in self.folders if folder.use == special_use), None)


def surround(
    visit: Visit,
    boxes: Sequence[Mailbox],
    current: int = 0,
    query: str = "",
    shared: Sequence[Reach] = (),
    needed: Collection[int] = (),
) -> MailShell:
    """The frame of a page about the mailbox `current`, 0 for none; `shared`: of others, to be shown beside, as many as
    fit and those that are `needed`."""
    folders = sorted((folder(visit, box, current) for box in boxes), key=_rank)
    shown = [
        reach
        for place, reach in enumerate(shared)
        if place < MAX_SHARED or reach.box.id == current or reach.box.id in needed
    ]
    used, quota = sum(box.octets for box in boxes), visit.principal.quota_bytes
    renewal = closing = ""
    if visit.renew_before:
        renewal = visit._("Votre mot de passe est à renouveler avant le %(date)s.") % {
            "date": visit.language.plain_date(visit.renew_before)
        }
    if visit.session.close_at:
        closing = visit._("Votre compte sera fermé le %(date)s.") % {
            "date": visit.language.plain_date(visit.session.close_at)
        }
    return MailShell(
        tuple(folders),
        applications(visit) if visit.interface == COMPLETE else (),
        avatar(visit.principal.name, visit.principal.address),
        _space(visit, used, quota),
        used,
        quota,
        query,
        announcement(visit),
        visit.query("annuler"),
        _shortage(visit, used, quota),
        renewal,
        closing,
        positive(visit.query("envoi")),
        positive(visit.query("brouillon")),
        tuple(sorted((_shared(visit, reach, current) for reach in shown), key=_shared_rank)),
        current if current in {reach.box.id for reach in shown} else 0,
        visit.preferences.folded,
        flagged(boxes),
        visit.query("de")[:MAX_SENDER] if visit.query("fait") == "deplacer" else "",
        positive(visit.query("range")),
    )


def flagged(boxes: Sequence[Mailbox]) -> int:
    """How many messages of mailboxes are flagged: just those that a search for them finds."""
    return sum(box.flagged for box in boxes)


def _space(visit: Visit, used: int, quota: int) -> str:
    size = visit.language.size
    if quota:
        return visit._("%(used)s utilisés sur %(quota)s") % {"used": size(used), "quota": size(quota)}
    return visit._("%(used)s utilisés") % {"used": size(used)}


def _shortage(visit: Visit, used: int, quota: int) -> str:
    if quota and used >= quota:
        return visit._("Votre boîte est pleine : vous ne recevez plus de messages.")
    if quota and used >= quota * NEARLY_FULL:
        return visit._("Votre boîte est presque pleine.")
    return ""


async def surroundings(services: Services, visit: Visit, current: int = 0, query: str = "") -> MailShell:
    """The frame of a page, with the mailboxes of others one reaches; `current` 0: it is about no mailbox."""
    viewer = await services.sharing.viewer(visit.principal)
    boxes, shared = await services.store.read(folders.own_and_shared, viewer)
    return surround(visit, boxes, current, query, shared)


def _shared(visit: Visit, reach: Reach, current: int) -> Folder:
    """A mailbox of somebody else: named after them, then as they see it."""
    holder = reach.name.split(SEPARATOR)[1]
    own = folder(visit, reach.box, current)
    path = f"{holder} › {own.path}"
    return replace(own, title=path, path=path, rights=reach.rights, holder=holder, name=own.title)


def _shared_rank(folder: Folder) -> tuple[str, int, str]:
    return (folder.holder, *_rank(folder))


def _rank(folder: Folder) -> tuple[int, str]:
    if folder.own:
        return len(_ORDER), folder.path.casefold().replace(_BELOW, "\0")  # those below a folder come at once behind it
    return _ORDER.index(folder.use), ""


def folder(visit: Visit, box: Mailbox, current: int) -> Folder:
    """A mailbox as its owner's pages name it."""
    language = visit.language
    use = box.special_use if box.special_use in _ORDER else ""
    inbox = box.name == INBOX
    levels = box.name.split(SEPARATOR)
    title = inbox_title(language) if inbox else (special_title(language, use) if use else levels[-1])
    icon = "inbox" if inbox else _ICONS.get(use, "folder")
    count = box.messages if use == DRAFTS else 0 if use in (TRASH, SENT) else box.unseen
    counted = (
        language.texts.ngettext("brouillon", "brouillons", count)
        if use == DRAFTS
        else language.texts.ngettext("non lu", "non lus", count)
    )
    path = title if inbox or use else _BELOW.join(levels)
    depth = 0 if inbox or use else len(levels) - 1
    colour, owner = visit.preferences.colour(box.id), box.account_id
    return Folder(box.id, title, path, icon, use, depth, count, counted, box.id == current, colour, owner, name=title)


def branches(folders: Sequence[Folder], folded: Collection[int]) -> tuple[Branch, ...]:
    """The tree of folders that stand one after another, those below a folder behind it. What is shown is not folded
    away."""
    found: list[Branch] = []
    at = 0
    while at < len(folders):
        top = folders[at]
        end = at + 1
        while end < len(folders) and folders[end].depth > top.depth:
            end += 1
        below = folders[at + 1 : end]
        is_folded = top.id in folded and not any(one.current for one in below)
        found.append(Branch(top, branches(below, folded), sum(one.count for one in below), is_folded))
        at = end
    return tuple(found)


def inbox_title(language: Language) -> str:
    return language.texts.gettext("Boîte de réception")


def special_title(language: Language, use: str) -> str:
    """Name of a folder of special use in the reader's language (RFC 6154 leaves it to the client)."""
    _ = language.texts.gettext
    return {
        DRAFTS: _("Brouillons"),
        SENT: _("Envoyés"),
        JUNK: _("Indésirables"),
        TRASH: _("Corbeille"),
        ARCHIVE: _("Archives"),
    }[use]


def query_string(**parameters: str | int) -> str:
    """Parameters of an address; empty ones are left out."""
    return urlencode({name: value for name, value in parameters.items() if value not in ("", 0)})
