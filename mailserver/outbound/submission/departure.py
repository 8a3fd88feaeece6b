"""What one unit commits of a message that is sent: it leaves or waits for IT; the copy in Sent, the trace."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailserver.delivery import Envelope, Part, deliver_parts, led_to_lists
from mailserver.model.identity import Principal
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.sending.sending_limits import Judged
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.mail.access import Viewer, boxes
from mailserver.store.mail.flags import SEEN
from mailserver.store.mail.urgent_letters import Urgent
from mailserver.store.queue import mailings, traces
from mailserver.store.queue.held import held_submissions
from mailserver.store.queue.held.held_submissions import Submitted
from mailserver.store.queue.mailings import Day, Wanted
from mailserver.store.queue.spool import Options, Target
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.record.audit import Origin
from mailserver.texts.causes import NOTHING

SENT = "\\Sent"


@dataclass(frozen=True, slots=True)
class Copy:
    """The sender's copy, where it differs from the message in Sent."""

    box: int = 0
    """A mailbox of the sender; 0: Sent, of the functional box in whose name it goes if they may put something there."""
    octets: bytes = b""
    viewer: Viewer | None = None
    """The sender with their groups, where these are known."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message that was submitted."""

    name: str
    """Its identifier."""
    waits: bool
    """For IT, or as a mailing for a second person: nobody has it, and perhaps nobody gets it."""
    asks: bool = False
    """It waits for its author, who has to confirm what it gives away."""
    unread: tuple[str, ...] = ()
    """Names of documents that nobody could look into; it goes all the same."""
    mailing: int = 0
    """As which mailing it is kept; 0: it is none."""
    due: int = 0
    """It is kept until then; 0: it left, or waits for somebody."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A mailing about to be kept, and the mail about it."""

    wanted: Wanted
    notices: list[Part]
    day: Day
    """On which it leaves."""


@dataclass(frozen=True, slots=True)
class Departure:
    """What one unit commits: local appearances, queue rows, the copy in Sent, the trace."""

    parts: Sequence[Part]
    step: Trace
    lifetime: int
    named: tuple[int, ...]
    """The functional boxes in whose name it goes: who sent it is put on record there."""
    copy: Copy
    within: tuple[Callable[[Tx], None], ...]
    """What else is done in the same unit."""

    def unit(self, tx: Tx, sent: blobs.Prepared | None) -> list[str]:
        """It leaves. Returns files that turned out not to be needed.

        Raises Refused(FORBIDDEN) when the right to send for a box has just gone, and what `within` raises.
        """
        self._begin(tx)
        _, unused, _ = deliver_parts(tx, self.parts, {}, self.lifetime, self.step)
        return unused + self._keep_copy(tx, sent)

    def hold_unit(self, tx: Tx, sent: blobs.Prepared | None, whole: blobs.Prepared, submitted: Submitted) -> list[str]:
        """It waits for IT; `parts` are the notices about that, written when nothing of its author's waited before.

        Raises as `unit`, and Refused(LIMIT): too much of theirs waits already.
        """
        self._begin(tx)
        content_id, used = messages.store_content(tx, whole)
        unused = [] if used or whole.file is None else [whole.file]
        if held_submissions.hold(tx, content_id, submitted):
            unused += [part.prepared.file for part in self.parts if part.prepared.file is not None]
            traces.record(tx, self.step)
        else:
            unused += deliver_parts(tx, self.parts, {}, self.lifetime, self.step)[1]
        return unused + self._keep_copy(tx, sent)

    def mailing_unit(
        self, tx: Tx, sent: blobs.Prepared | None, whole: blobs.Prepared, taken: Taken, origin: Origin
    ) -> tuple[int, list[str]]:
        """It is a mailing; `parts` are the notices about it. Its number, and files that turned out not to be needed.

        Raises as `unit`, and SentTooMuch: as many of its author's leave that day, or too many wait.
        """
        self._begin(tx)
        content_id, used = messages.store_content(tx, whole)
        unused = [] if used or whole.file is None else [whole.file]
        number = mailings.begin(tx, content_id, taken.wanted, taken.day)
        mailings.record(tx, origin, mailings.get(tx, number), "handed-in" if self.parts else "begun")
        unused += deliver_parts(tx, self.parts, {}, self.lifetime, self.step)[1]
        return number, unused + self._keep_copy(tx, sent)

    def _begin(self, tx: Tx) -> None:
        for one in self.within:
            one(tx)
        boxes.sent(tx, self.step.account_id, self.named, self.step.name)

    def _keep_copy(self, tx: Tx, sent: blobs.Prepared | None) -> list[str]:
        """The copy in Sent; its file if it is not needed."""
        if sent is None:
            return []
        account_id = self.step.account_id
        sent_id, used = messages.store_content(tx, sent)
        owner, box_id = self._copy_place(tx)
        messages.place(tx, owner, box_id, sent_id, sent.size, SEEN, provenance=Provenance(Door.KEPT, account_id))
        return [sent.file] if sent.file is not None and not used else []

    def _copy_place(self, tx: Tx) -> tuple[int, int]:
        """Whose copy it is and the mailbox it goes to: the one that was chosen, if it is still there; Sent of the
        functional box in whose name it goes, so that its other holders see it; else the sender's own."""
        account_id = self.step.account_id
        if self.copy.box and any(box.id == self.copy.box for box in mailboxes.listing(tx, account_id)):
            return account_id, self.copy.box
        box_id = self.named[0] if self.named else 0
        theirs = box_id and boxes.takes_copy(tx, self.copy.viewer or Viewer(account_id), box_id)
        owner = box_id if theirs else account_id
        return owner, _sent_box(tx, owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A message that may leave as far as everything but its author's limits is concerned."""

    principal: Principal | None
    envelope: Envelope
    recipients: tuple[Target, ...]
    remote: tuple[Target, ...]
    whole: bytes
    options: Options
    named: tuple[int, ...]
    copy: Copy
    within: tuple[Callable[[Tx], None], ...]
    urgent: Urgent | None = None
    """Its readers are told of it in spite of their quiet hours."""

    @property
    def addresses(self) -> list[str]:
        """Everybody that its author named, the members of their own lists one by one; those of the academy's never."""
        return [*(one.address for one in self.envelope.recipients), *(target.address for target in self.remote)]

    def cleared(self) -> "Leaving":
        """The same once its author lets go what it gives away."""
        return replace(self, envelope=replace(self.envelope, cleared=True))

    def urged(self, parts: list[Part]) -> list[Part]:
        """These, of which the letter's own copies are told at once where that was granted."""
        if self.urgent is None:
            return parts
        own = [part for part in parts if part.provenance.door is Door.SUBMISSION and part.accounts]
        urgent = replace(self.urgent, people=len({account for part in own for account in part.accounts}))
        return [replace(part, urgent=urgent) if part in own else part for part in parts]

    def submitted(self, judged: Judged, expires: int) -> Submitted:
        """The same as the store keeps it while it waits."""
        assert self.principal is not None
        return Submitted(
            account_id=self.principal.account_id,
            population=self.principal.role.population,
            reverse_path=self.envelope.reverse_path,
            targets=self.recipients,
            options=self.options,
            resent=self.envelope.door is Door.RESENT,
            what=judged.what,
            counted=judged.count,
            mark=judged.mark.hold,
            seconds=judged.mark.seconds,
            expires=expires,
            cleared=self.envelope.cleared,
        )

    def departure(
        self,
        step: Step,
        parts: Sequence[Part],
        counting: tuple[Callable[[Tx], None], ...],
        lifetime: int,
        *,
        message_id: str,
    ) -> Departure:
        """What one unit does about it."""
        reverse_path, account_id = self.envelope.reverse_path, self.options.account_id
        detail = led_to_lists(self.envelope.recipients) if step is Step.SUBMITTED else NOTHING
        trace = Trace(
            *(step, self.options.name, reverse_path, self.addresses, len(self.whole), account_id, detail, message_id)
        )
        return Departure(parts, trace, lifetime, self.named, self.copy, (*self.within, *counting))


def _sent_box(tx: Tx, account_id: int) -> int:
    """Where copies of sent messages go; made again if it was deleted."""
    box = mailboxes.by_use(tx, account_id, SENT)
    if box is None:
        mailboxes.provision(tx, account_id)
        box = mailboxes.by_use(tx, account_id, SENT) or mailboxes.get(tx, account_id, "Sent")
    return box.id
