"""What is done to the messages that were chosen in a list, or to the one that is read.

Whatever the number, it is done in units of a few hundred. Which messages a form names: `chosen_messages`; what is shown
afterwards: `after_action`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.filters.rules import names_sender, offered_sender
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.mail import mailboxes
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.messages import Quota
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Chosen, Line, folders, handling
from mailserver.store.web.webmail.handling import Marks, Step
from webui.mail import snooze_times
from webui.mail.after_action import next_address, return_address
from webui.mail.chosen_messages import read_chosen
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell import mail_shell
from webui.page.shell.mail_shell import UNDO_SECONDS, Folder, MailShell, surround, surroundings

MAX_UNITS = 40
"""Units of one action on a whole folder: 20,000 messages; who has more does it again."""
MAX_FORWARDED = 20
"""Messages that one letter carries."""


@dataclass(frozen=True, slots=True)
class ErasePage:
    """Asks before messages are removed for good."""

    frame: MailShell
    folder: Folder
    lines: Sequence[Line]
    back: str
    count: int
    kept_days: int
    """How long it can be brought back; 0: not at all."""
    everything: bool = False
    """All of Trash or Junk, whatever the list shows."""
    view: str = ""
    """Everything that a list with these parameters shows."""
    before: int = 0
    """And that was there when the list was shown, by UID."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who does what to which messages of which mailbox."""

    viewer: Viewer
    box_id: int
    chosen: Chosen
    back: str
    """Where one is when it is done."""


_CHOICES = {
    "ranger": ("deplacer", "vers"),
    "poser": ("etiqueter", "etiquette"),
    "retirer": ("desetiqueter", "etiquette"),
    "revient": ("reporter", "quand"),
}
"""Entries of menus, each one button: what it does, and the field that its value stands for."""


def _spelt_out(visit: Visit) -> Visit:
    """The same with the entry of a menu as the action and the field that it stands for."""
    form = visit.form
    for name, (action, field) in _CHOICES.items():
        if form.has(name):
            action = "copier" if action == "deplacer" and form.has("copie") else action
            fields = {**form.fields, "faire": (action,), field: form.every(name)}
            return replace(visit, form=replace(form, fields=fields))
    return visit


async def act(services: Services, visit: Visit) -> Response:
    """POST /dossier/{box}/agir: one of the buttons above a list, or below a message."""
    visit = _spelt_out(visit)
    box_id = int(visit.request.path_params["box"])
    action = visit.form.text("faire")
    viewer = await services.sharing.viewer(visit.principal)
    chosen = await read_chosen(services, visit, viewer, box_id)
    if chosen is None:
        return redirect(visit, return_address(visit, box_id), **done("rien"))
    back = await next_address(services, visit, viewer, box_id, chosen)
    order = Order(viewer, box_id, chosen, back)
    if action == "effacer":
        return await _erase(services, visit, order)
    if action in _FLAGS:
        mode, flags = _FLAGS[action]
        return redirect(visit, back, **done(action, await _flag(services, order, mode, flags)))
    if action in ("etiqueter", "desetiqueter"):
        tag = visit.preferences.tag(visit.form.text("etiquette"))
        if tag is None:
            return redirect(visit, back, **done("quelle-etiquette"))
        count = await _flag(services, order, "+" if action == "etiqueter" else "-", (tag.keyword,))
        return redirect(visit, back, **done(action, count))
    if action == "transferer":
        return await _forward(services, visit, order)
    if action in _ALONE:
        return await _ALONE[action](services, visit, order)
    return await _move(services, visit, order, action)


_FLAGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "lu": ("+", ("\\Seen",)),
    "nonlu": ("-", ("\\Seen",)),
    "suivre": ("+", ("\\Flagged",)),
    "plussuivre": ("-", ("\\Flagged",)),
}
_USES = {"supprimer": mail_shell.TRASH, "archiver": mail_shell.ARCHIVE, "indesirable": mail_shell.JUNK}


async def _all(step: Callable[[int], Awaitable[Step]]) -> int:
    """Unit after unit; how many messages."""
    count = last = 0
    for _ in range(MAX_UNITS):
        one = await step(last)
        count, last = count + one.count, one.last
        if not last:
            break
    return count


async def _flag(services: Services, order: Order, mode: str, flags: Sequence[str]) -> int:
    def step(after: int) -> Awaitable[Step]:
        return services.store.write(handling.mark, order.viewer, order.box_id, order.chosen, after, mode, flags)

    return await _all(step)


async def _move(services: Services, visit: Visit, order: Order, action: str) -> Response:
    """Everything that ends in another folder."""
    target, marks = await _target(services, visit, order, action)
    if not target:
        return redirect(visit, return_address(visit, order.box_id), **done("ou"))
    token = services.keys.new_token()
    undo = (services.keys.stored(token), UNDO_SECONDS)
    quota = Quota.of(services.settings.limits)
    kept = ""

    filed = await _filed_by_hand(services, visit, order, target) if action == "deplacer" else {}

    async def step(after: int) -> Step:
        nonlocal kept
        one = await services.store.write(
            handling.put, order.viewer, order.box_id, target, order.chosen, after, undo, marks, quota
        )
        kept = token if one.undoable else kept
        return one

    count = await _all(step)
    if action == "deplacer":
        await services.store.write(folders.used, visit.account_id, target)
    return redirect(visit, order.back, **done(action, count, kept), **filed)


async def _filed_by_hand(services: Services, visit: Visit, order: Order, target: int) -> dict[str, str | int]:
    """Whose messages move from the inbox to a folder that somebody made, where one rule could do so from now on."""
    if not visit.preferences.offer_rules or order.chosen.everything is not None:
        return {}
    boxes = {box.id: box for box in await services.store.read(mailboxes.listing, visit.account_id)}
    origin, place = boxes.get(order.box_id), boxes.get(target)
    if origin is None or place is None or origin.name != mailboxes.INBOX or place.special_use:
        return {}
    lines = await services.store.read(handling.chosen_lines, order.viewer, order.box_id, order.chosen)
    senders = {line.sender_address.casefold() for line in lines}
    if len(senders) != 1 or not (sender := offered_sender(senders.pop())):
        return {}
    kept = await services.filters.rules.read(visit.account_id)
    return {} if names_sender(kept.document, sender) else {"de": sender, "range": target}


async def _target(services: Services, visit: Visit, order: Order, action: str) -> tuple[int, Marks]:
    """Where an action moves messages, and the flags it sets and clears; 0 when no folder was chosen.

    Raises BadSyntax for an unknown action.
    """
    if action == "deplacer":
        return visit.form.number("vers"), ((), ())
    if action == "desirable":
        inbox = await services.store.read(handling.bin_of, order.viewer, order.box_id, "")
        return inbox.id, (["$NotJunk"], ["$Junk"])
    if action not in _USES:
        raise BadSyntax("No such action")
    box = await services.store.read(handling.bin_of, order.viewer, order.box_id, _USES[action])
    marks: Marks = (["$Junk"], ["$NotJunk"]) if action == "indesirable" else ((), ())
    return box.id, marks


async def _copy(services: Services, visit: Visit, order: Order) -> Response:
    """Copies in another folder."""
    back, target = return_address(visit, order.box_id), visit.form.number("vers")
    if not target:
        return redirect(visit, back, **done("ou"))
    quota = Quota.of(services.settings.limits)

    def step(after: int) -> Awaitable[Step]:
        return services.store.write(handling.duplicate, order.viewer, order.box_id, target, order.chosen, after, quota)

    count = await _all(step)
    await services.store.write(folders.used, visit.account_id, target)
    return redirect(visit, back, **done("copier", count))


async def _put_off(services: Services, visit: Visit, order: Order) -> Response:
    """Away until a moment."""
    until = snooze_times.moment(visit.language, visit.now, visit.form.text("quand"), visit.form.text("quand_le"))
    if not until:
        return redirect(visit, return_address(visit, order.box_id), **done("quand"))
    token = services.keys.new_token()
    undo = (services.keys.stored(token), UNDO_SECONDS)

    def step(after: int) -> Awaitable[Step]:
        return services.store.write(handling.put_off, visit.account_id, order.box_id, order.chosen, after, until, undo)

    count = await _all(step)
    return redirect(visit, order.back, **done("reporter", count, token if count else ""), quand=until)


async def _mute(services: Services, visit: Visit, order: Order) -> Response:
    """No more of these conversations: they are archived, and so is what still comes of them."""
    if order.chosen.everything is not None:
        raise BadSyntax("Conversations are muted one by one")
    whole = await services.store.write(handling.mute, visit.account_id, order.box_id, order.chosen)
    silenced = replace(order, chosen=Chosen((), whole))
    return await _move(services, visit, silenced, "archiver")


async def _unmute(services: Services, visit: Visit, order: Order) -> Response:
    """Hear of these conversations again; what was archived stays there."""
    count = await services.store.write(handling.unmute, visit.account_id, order.box_id, order.chosen)
    return redirect(visit, return_address(visit, order.box_id), **done("demasquer", count))


_Handler = Callable[[Services, Visit, Order], Awaitable[Response]]
_ALONE: dict[str, _Handler] = {"copier": _copy, "reporter": _put_off, "masquer": _mute, "demasquer": _unmute}


async def _forward(services: Services, visit: Visit, order: Order) -> Response:
    """To a new letter that carries the messages as attachments."""
    owner, uids = await services.store.read(handling.chosen_messages, order.viewer, order.box_id, order.chosen)
    lines = await services.store.read(webmail.lines, order.box_id, uids[:MAX_FORWARDED])
    box = 0 if owner == visit.account_id else order.box_id
    return redirect(visit, f"{visit.base}/ecrire", joindre=",".join(str(line.id) for line in lines), boite=box)


async def _erase(services: Services, visit: Visit, order: Order) -> Response:
    """Remove for good, after a page that asks."""
    if visit.form.has("confirme"):

        def step(after: int) -> Awaitable[Step]:
            return services.store.write(handling.wipe, order.viewer, order.box_id, order.chosen, after)

        count = await _all(step)
        return redirect(visit, return_address(visit, order.box_id), **done("effacer", count))
    viewer, box_id = order.viewer, order.box_id
    lines, count = await services.store.read(handling.chosen_count, viewer, box_id, order.chosen)
    around = await surroundings(services, visit, box_id)
    view = visit.form.text("vue") if order.chosen.everything is not None else ""
    kept, back = services.removed.days, visit.form.text("retour")
    before = visit.form.number("avant")
    page = ErasePage(around, around.folder(box_id), lines, back, count, kept, view=view, before=before)
    return services.pages.answer(visit, "mail/erase.html", page)


async def ask_empty(services: Services, visit: Visit) -> Response:
    """GET /dossier/{box}/vider: asks before Trash or Junk is emptied."""
    box_id = int(visit.request.path_params["box"])
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    box = webmail.pick(boxes, box_id)
    around = surround(visit, boxes, box_id)
    folder = around.folder(box_id)
    _check_emptiable(folder)
    days = services.removed.days
    page = ErasePage(around, folder, (), "", box.messages, days, everything=True, before=box.uidnext)
    return services.pages.answer(visit, "mail/erase.html", page)


async def empty(services: Services, visit: Visit) -> Response:
    """POST /dossier/{box}/vider: remove everything in Trash or Junk for good."""
    box_id = int(visit.request.path_params["box"])
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    webmail.pick(boxes, box_id)
    _check_emptiable(surround(visit, boxes, box_id).folder(box_id))
    count = await services.store.write(webmail.empty, visit.account_id, box_id, visit.form.number("avant"))
    return redirect(visit, f"{visit.base}/dossier/{box_id}", **done("effacer", count))


def _check_emptiable(folder: Folder) -> None:
    if folder.use not in (mail_shell.TRASH, mail_shell.JUNK):
        raise Refused(Reason.CANNOT)
