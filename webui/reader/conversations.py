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
from webui.page.context import Services, Visit
from webui.page.shell.avatars import Avatar, avatar
from webui.page.shell.mail_shell import SENT, Folder, MailShell, query_string
from webui.page.words import plain
from webui.reader import message_parts
from webui.reader.content import plain_text

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
    unread: bool
    avatar: Avatar
    text: Markup = _NOTHING
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """The other messages of it, below the one that is open, in the reader's order."""

    turns: Sequence[Turn] = ()
    newest: str = ""
    """The address of the newest, where another one is open."""
    people: int = 1
    """Who wrote them."""
    unread: int = 0
    unfolded: bool = False
    count: int = 1
    """Messages in all, the open one included."""
    whole: int = 0
    """Messages of it in this folder, where the list has them as one: what is done below is done to all; 0: to one."""

    @property
    def unlisted(self) -> int:
        """Older messages that are not listed."""
        return max(0, self.count - len(self.turns) - 1)


async def unread(services: Services, found: Stored) -> frozenset[int]:
    """Content ids of what is unread in the conversation of a message."""
    box, account_id = found.box, found.box.account_id
    listed = await services.store.read(webmail.conversation, account_id, box.id, found.uid, found.thread)
    return frozenset(line.id for line in listed.lines if not line.seen)


async def around(
    services: Services, visit: Visit, found: Stored, frame: MailShell, fresh: frozenset[int]
) -> Conversation:
    """The conversation of a message in the mailboxes of its owner that the reader may read; empty when they have turned
    conversations off. `fresh`: what was unread until it was opened."""
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
        await _turn(services, visit, line, folders[line.mailbox_id], fresh, unfold=unfold and count < MAX_UNFOLDED)
        for count, line in enumerate(lines)
        if line.id != found.id
    ]
    newer = turns and (turns[0].line.date, turns[0].line.uid) > (found.date, found.uid)
    return Conversation(
        turns if visit.preferences.newest_first else turns[::-1],
        turns[0].address if newer else "",
        len({found.sender_address, *(turn.line.sender_address for turn in turns)}),
        sum(turn.unread for turn in turns),
        unfold,
        total,
        whole,
    )


async def _whole(services: Services, visit: Visit, found: Stored, folder: Folder) -> int:
    if not views.acts_whole(visit, folder, views.kept(visit, visit.query("vue"))):
        return 0
    return len(await services.store.read(webmail.of_message, found.box, found.uid))


async def _turn(
    services: Services, visit: Visit, line: Line, folder: Folder, fresh: frozenset[int], *, unfold: bool
) -> Turn:
    own = folder.use == SENT
    name = plain.line(line.sender, 200)
    sender = visit._("Vous") if own and not folder.foreign else name
    address = f"{opening(visit, folder)}{line.id}?{query_string(d=folder.id)}"
    preview, new = plain.line(line.preview, 200), not line.seen or line.id in fresh
    turn = Turn(line, address, sender, preview, folder, own, new, avatar(name, line.sender_address))
    if not unfold:
        return turn
    stored, octets = await message_parts.load_from(services, visit, line.id, folder.id, upto=UNFOLDED_OCTETS)
    root = unpack(stored.parts)
    text = await computed(len(octets), plain_text.readable, octets, root)
    shown = plain_text.render(text[:MAX_UNFOLDED_TEXT], f"{visit.base}/ecrire?a=")
    return replace(turn, text=shown, cut=len(text) > MAX_UNFOLDED_TEXT or plain_text.reach(root) > len(octets))
