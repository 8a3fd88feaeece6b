"""What may be done with the messages of a folder, and where they open: what rights allow and what makes sense there.

A page shows these and no others; whoever asks for more is refused by the store.
"""

from webui.page.context import Visit
from webui.page.shell.mail_shell import ARCHIVE, DRAFTS, JUNK, SENT, TRASH, Folder, MailShell


def opening(visit: Visit, folder: Folder) -> str:
    """The address before the id of a message that is opened from a list."""
    if folder.foreign:
        return f"{visit.base}/partage/{folder.id}/"
    return f"{visit.base}/ecrire/" if folder.use == DRAFTS else f"{visit.base}/message/"


def offered(around: MailShell, folder: Folder) -> frozenset[str]:
    """The buttons of a folder, by what they say (`webui.mail.actions`)."""
    may, use = folder.rights, folder.use
    found = {"copier", "transferer"}
    if "s" in may and use != DRAFTS:
        found |= {"lu", "nonlu"}
    if "w" in may:
        found |= {"suivre", "plussuivre", "etiqueter"}
    if may >= {"t", "e"}:
        found |= {"deplacer", "effacer" if use == TRASH else "supprimer"} | _within(around, folder)
    return frozenset(found if folder.foreign else found | _own(use))


def _within(around: MailShell, folder: Folder) -> set[str]:
    """What moves a message to another folder of the same owner, where one may put something there."""
    near = {one.use: one for one in around.all_folders if one.owner == folder.owner and one.open and not one.own}
    use, found = folder.use, set[str]()
    if ARCHIVE in near and use not in (ARCHIVE, DRAFTS):
        found.add("archiver")
    if JUNK in near and use not in (JUNK, SENT, DRAFTS):
        found.add("indesirable")
    if "" in near and use == JUNK:
        found.add("desirable")
    return found


def _own(use: str) -> set[str]:
    """What is about one's own reading of one's own mail."""
    found = set[str]()
    if use not in (DRAFTS, TRASH, JUNK):
        found.add("reporter")
    if use not in (SENT, DRAFTS, TRASH, JUNK):
        found.add("masquer")
    if use == ARCHIVE:
        found.add("demasquer")
    return found
