"""What rules name, as the reader knows it: tags and folders."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.filters import rules
from mailserver.filters.rules import Folder, Rule, sentences
from mailserver.model.messages.objectids import mailbox_id
from mailserver.store.mail import mailboxes, snooze
from mailserver.store.mail.mailboxes import INBOX, Mailbox
from webui.mail.labels import tag_name
from webui.page.context import Services, Visit
from webui.page.shell import mail_shell
from webui.page.shell.mail_shell import ARCHIVE, DRAFTS, JUNK, SENT, TRASH

USES = {"archive": rules.ARCHIVE, "corbeille": rules.TRASH}
"""What a rule may do with a message instead of filing it in a folder that somebody made."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that messages can be filed in."""

    id: int
    path: str
    folder: Folder


@dataclass(frozen=True, slots=True)
class Names:
    """Those of one account, as they are now."""

    visit: Visit
    boxes: Sequence[Mailbox]

    @property
    def places(self) -> Sequence[Place]:
        """Folders that somebody made, and those of old programs that have a use but no meaning here."""
        kept = (ARCHIVE, DRAFTS, JUNK, SENT, TRASH)
        found = [box for box in self.boxes if box.name not in (INBOX, snooze.PLACE) and box.special_use not in kept]
        places = [Place(box.id, self._path(box), folder_of(box)) for box in found]
        return sorted(places, key=lambda one: one.path.casefold())

    def tag(self, keyword: str) -> str:
        """What a tag is called; a keyword without a tag is called what it is."""
        known = self.visit.preferences.tag(keyword)
        return keyword if known is None else tag_name(self.visit.language, known)

    def folder(self, folder: Folder) -> str:
        """What a folder is called now."""
        box = self.box(folder)
        return folder.name if box is None else self._path(box)

    def box(self, folder: Folder) -> Mailbox | None:
        """The mailbox of a folder; None: it is gone."""
        if folder.use:
            return next((box for box in self.boxes if box.special_use == folder.use), None)
        by_id = (box for box in self.boxes if mailbox_id(box.uidvalidity) == folder.object_id)
        return next(by_id, None) or next((box for box in self.boxes if box.name == folder.name), None)

    def is_lost(self, rule: Rule) -> bool:
        """Whether a rule files messages in a folder that is gone: they stay in the inbox."""
        folder = rule.actions.folder
        return folder is not None and not folder.use and self.box(folder) is None

    def said(self, rule: Rule) -> list[tuple[str, bool]]:
        """A rule as a sentence, cut where something chosen begins and ends."""
        return sentences.pieces(sentences.rule(rule, self.tag, self.folder).to(self.visit.language.code))

    def _path(self, box: Mailbox) -> str:
        return mail_shell.folder(self.visit, box, 0).path


def folder_of(box: Mailbox) -> Folder:
    """A mailbox as rules name it."""
    return Folder(box.name, mailbox_id(box.uidvalidity))


async def names(services: Services, visit: Visit) -> Names:
    """Those of whoever visits."""
    return Names(visit, await services.store.read(mailboxes.listing, visit.account_id))
