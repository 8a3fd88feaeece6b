"""The rest of the conversation around a message: folded to a line each, or (`deplier=1`) as text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from mailserver.mime import unpack
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Line, Stored
from webui.http.offload import computed
from webui.mail import views
from webui.mail.allowed_actions import opening
from webui.page import plain
from webui.page.context import Services, Visit
from webui.page.mail_shell import SENT, Folder, MailShell, query_string
from webui.reader import message_parts, plain_text

MAX_UNFOLDED = 20
"""Messages whose text is shown at once."""
UNFOLDED_OCTETS = 64 * 1024
MAX_UNFOLDED_TEXT = 6000


_NOTHING = Markup()


@dataclass(frozen=True, slots=True)
class Turn:
    """One other message of the conversation."""

    line: Line
    address: str
    sender: str
    preview: str
    folder: Folder
    own: bool
    text: Markup = _NOTHING
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages above and below the one that is open, in the reader's order."""

    above: Sequence[Turn] = ()
    below: Sequence[Turn] = ()
    unfolded: bool = False
    count: int = 1
    """Messages in all, the open one included."""
    whole: int = 0
    """Messages of it in this folder, where the list has them as one: what is done below is done to all; 0: to one."""

    @property
    def unlisted(self) -> int:
        """Older messages that are not listed."""
        return max(0, self.count - len(self.above) - len(self.below) - 1)


async def around(services: Services, visit: Visit, found: Stored, frame: MailShell) -> Conversation:
    """The conversation of a message in the mailboxes of its owner that the reader may read; empty when they have turned
    conversations off."""
    if not visit.preferences.conversations:
        return Conversation()
    readable = [folder for folder in frame.all_folders if folder.owner == found.box.account_id and "r" in folder.rights]
    folders = {folder.id: folder for folder in readable}
    listed = await services.store.read(
        webmail.conversation, found.box.account_id, found.box.id, found.uid, found.thread, folders.keys()
    )
    lines = listed.lines
    total = max(listed.total, len({found.id, *(line.id for line in lines)}))
    whole = await _whole(services, visit, found, frame.folder(found.box.id))
    unfold = visit.query("deplier") == "1"
    turns = [
        await _turn(services, visit, line, folders[line.mailbox_id], unfold=unfold and count < MAX_UNFOLDED)
        for count, line in enumerate(lines)
        if line.id != found.id
    ]
    newer = [turn for turn in turns if (turn.line.date, turn.line.uid) > (found.date, found.uid)]
    older = [turn for turn in turns if (turn.line.date, turn.line.uid) <= (found.date, found.uid)]
    if visit.preferences.newest_first:
        return Conversation(newer, older, unfold, total, whole)
    return Conversation(older[::-1], newer[::-1], unfold, total, whole)


async def _whole(services: Services, visit: Visit, found: Stored, folder: Folder) -> int:
    if not views.acts_whole(visit, folder, ""):
        return 0
    return len(await services.store.read(webmail.of_message, found.box, found.uid))


async def _turn(services: Services, visit: Visit, line: Line, folder: Folder, *, unfold: bool) -> Turn:
    own = folder.use == SENT
    sender = visit._("Vous") if own and not folder.foreign else plain.line(line.sender, 200)
    address = f"{opening(visit, folder)}{line.id}?{query_string(d=folder.id)}"
    turn = Turn(line, address, sender, plain.line(line.preview, 200), folder, own)
    if not unfold:
        return turn
    stored, octets = await message_parts.load_from(services, visit, line.id, folder.id, upto=UNFOLDED_OCTETS)
    text = await computed(len(octets), plain_text.readable, octets, unpack(stored.parts))
    shown = plain_text.render(text[:MAX_UNFOLDED_TEXT], f"{visit.base}/ecrire?a=")
    return replace(turn, text=shown, cut=len(text) > MAX_UNFOLDED_TEXT)
