"""Where the message that is read lies: in one's own mail, or in a mailbox of somebody else or of a function.

Both are read on the same pages. The address of the second names the mailbox, too, and everything is asked of it.
"""

from dataclasses import dataclass

from mailserver.store.web.webmail import Stored
from webui.mail import views
from webui.page.context import Visit
from webui.page.shell.mail_shell import query_string


@dataclass(frozen=True, slots=True)
class Place:
    """The addresses of a message's pages."""

    box: int
    """The mailbox, when it is of others; 0: one's own."""
    opening: str
    """Before the id of a message beside it."""
    here: str
    """The page of the message; those about it lie below."""
    file: str
    """Before the number of one of its attachments."""
    body: str
    """Its formatted version, for the frame."""
    view: str
    """The parameters of the list it was opened from, where that is not the usual one; of results they begin with
    `views.SEARCH`."""
    query: str
    """Parameters that keep the folder and the list it is read in."""
    source: str
    """What the address of a letter says behind the message's id."""
    list: str
    """The list it was opened from."""

    @property
    def foreign(self) -> bool:
        return bool(self.box)

    @property
    def found(self) -> bool:
        """That list is of what a search found."""
        return self.view.startswith(views.SEARCH)


def box_of(visit: Visit) -> int:
    """The mailbox of others that the address names; 0: it is about one's own mail."""
    return int(visit.request.path_params.get("box", 0))


def place(visit: Visit, found: Stored) -> Place:
    """The place of the message that the address is about."""
    base, box, view = visit.base, box_of(visit), views.kept(visit, visit.query("vue"))
    query = query_string(d=found.box.id, vue=view)
    listed = f"{base}/dossier/{found.box.id}{'?' if view else ''}{view}"
    if view.startswith(views.SEARCH):
        listed = f"{base}/{view}"
    if box:
        opening = f"{base}/partage/{box}/"
        here = f"{opening}{found.id}"
        return Place(box, opening, here, f"{here}/piece/", f"{here}/corps", view, query, f"&boite={box}", listed)
    opening = f"{base}/message/"
    here = f"{opening}{found.id}"
    return Place(0, opening, here, f"{base}/piece/{found.id}/", f"{base}/corps/{found.id}", view, query, "", listed)
