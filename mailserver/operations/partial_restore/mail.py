"""Messages of one account out of a backup: all of them, a folder with those below it, or one message."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailserver.model.errors import Damaged, Reason, Refused, Temporary
from mailserver.model.messages.likeness import Facts, body_hash
from mailserver.model.messages.provenance import Provenance
from mailserver.operations.partial_restore.whose import Owner, Run
from mailserver.policy.rules.refused_copies import Known
from mailserver.store.engine.statements import Row
from mailserver.store.engine.unit import Uncertain
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.mail.deletions import CAME
from mailserver.store.mail.mailboxes import SEPARATOR, Mailbox
from mailserver.store.mail.messages import Quota
from mailserver.store.upkeep import returned_mail
from mailserver.store.upkeep.returned_mail import TREE, Destination, Notice, PutBack, Returning, State
from mailserver.store.withdrawal import rows
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text

PAGE = 200
"""Messages whose files are fetched together."""
PAGE_OCTETS = 256 * 1024 * 1024
BATCH = 50
"""Messages of one unit of the store: writers of other accounts have their turn in between."""
BATCH_OCTETS = 32 * 1024 * 1024
_COLUMNS = (
    *("uid", "hash", "size", "flags", "internal_date"),
    *("file", "header_size", "message_id", "sender_address", "base_subject"),
    *CAME,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages; empty fields: all."""

    folder: str = ""
    message_id: str = ""
    everything: bool = False
    """Also those that the account still has."""

    @property
    def words(self) -> Cause:
        """For the record."""
        if self.message_id:
            return Cause("restored-message", name=self.message_id)
        return Cause("restored-folder", name=self.folder) if self.folder else Cause("restored-messages")


@dataclass(slots=True)
class MailReport:
    """What came of it; of a plan, what would."""

    tree: str
    messages: int = 0
    octets: int = 0
    there: int = 0
    """The account has them still."""
    barred: int = 0
    """They may not come back."""
    damaged: int = 0
    """The backup itself has them damaged."""
    full: bool = False
    """The mailbox has no room for the rest."""
    folders: dict[str, int] = field(default_factory=dict)
    """Messages of each folder of the backup."""


@dataclass(frozen=True, slots=True)
class _Message:
    """One of the backup, with its way there."""

    box_id: int
    uid: int
    file: str | None
    facts: Facts
    returning: Returning


class MailRestore:
    """One run for one account."""

    def __init__(self, run: Run, owner: Owner, wanted: Wanted, *, plan: bool = False) -> None:
        self._run = run
        self._owner = owner
        self._wanted = wanted
        self._plan = plan
        self._report = MailReport(TREE.format(day=run.today()))
        self._quota = Quota.of(run.settings.limits)
        self._notice: Notice | None = None

    def run(self) -> MailReport:
        """Bring them back. Raises Refused(NOT_FOUND), CannotBackUp and other Temporary, OSError."""
        report = self._report
        for box, uids in self._chosen():
            to = Destination(self._owner.account_id, report.tree, box.name, self._wanted.everything)
            for page in self._pages(box, uids):
                self._restore(to, page)
                if report.full:
                    break
        if self._plan:
            self._foresee_room()
        elif self._notice is not None:
            self._run.record_ended(self._owner.account_id, report.messages, report.tree)
        return report

    # ------------------------------------------------------------------ reading the backup

    def _chosen(self) -> Iterator[tuple[Mailbox, list[int] | None]]:
        """The folders, and their messages where not all of them are wanted. Raises Refused(NOT_FOUND)."""
        wanted, store = self._wanted, self._run.backup.store
        boxes = store.read_now(mailboxes.listing, self._owner.account_id)
        if wanted.folder:
            name = mailboxes.canonical(wanted.folder.rstrip(SEPARATOR))
            boxes = [box for box in boxes if box.name == name or box.name.startswith(name + SEPARATOR)]
            if not boxes:
                raise Refused(Reason.NOT_FOUND, Cause("restore-no-folder", name=wanted.folder))
        if not wanted.message_id:
            yield from ((box, None) for box in boxes)
            return
        found = store.read_now(returned_mail.named, self._owner.account_id, wanted.message_id)
        if not any(box.id in found for box in boxes):
            raise Refused(Reason.NOT_FOUND, Cause("restore-no-message", name=wanted.message_id))
        yield from ((box, found[box.id]) for box in boxes if box.id in found)

    def _pages(self, box: Mailbox, uids: list[int] | None) -> Iterator[list[_Message]]:
        """The messages of a folder, as many together as files are fetched for."""
        store, account_id = self._run.backup.store, self._owner.account_id
        keywords = store.read_now(mailboxes.keywords, box.id)
        after, page, octets = 0, list[_Message](), 0
        while True:
            if uids is None:
                read = store.read_now(messages.fetch, account_id, box.id, _COLUMNS, after + 1, limit=PAGE)
            else:
                read = store.read_now(messages.fetch_uids, account_id, box.id, _COLUMNS, uids[:PAGE])
                uids = uids[PAGE:]
            for row in read:
                found = _message(box.id, keywords, row)
                page.append(found)
                octets += found.returning.size
                if len(page) == PAGE or octets >= PAGE_OCTETS:
                    yield page
                    page, octets = [], 0
            if not read or uids == []:
                break
            after = int(read[-1][0])
        if page:
            yield page

    # ------------------------------------------------------------------ bringing back

    def _restore(self, to: Destination, page: Sequence[_Message]) -> None:
        """What of a page is wanted and may."""
        store, report = self._run.store, self._report
        states = store.read_now(returned_mail.states, to, [one.returning.hash for one in page])
        known = Known.of(store.read_now(rows.standing))
        seen: set[bytes] = set()
        left: list[_Message] = []
        for one in page:
            state = states[one.returning.hash]
            if state is State.THERE or one.returning.hash in seen:
                report.there += 1
            elif state is State.BARRED:
                report.barred += 1
            else:
                seen.add(one.returning.hash)
                left.append(one)
        asked = {one.uid for one in left if any(known.candidates(one.facts))}
        new = {one.uid for one in left if states[one.returning.hash] is State.GONE}
        fetched = asked if self._plan else asked | new
        self._run.backup.let_go()
        self._run.backup.fetch([one.file for one in left if one.file is not None and one.uid in fetched])
        may = [one for one in left if one.uid not in asked or not self._is_withdrawn(known, one)]
        report.barred += len(left) - len(may)
        for batch in _batches(may):
            if report.full:
                break
            self._put_back(to, batch, new)

    def _is_withdrawn(self, known: Known, one: _Message) -> bool:
        """Whether the academy has taken this message back."""

        def hashed() -> bytes:
            octets = self._octets(one) or b""
            return body_hash(memoryview(octets)[one.returning.size - one.facts.body_size :])

        return known.match(one.facts, one.returning.came, hashed)

    def _octets(self, one: _Message) -> bytes | None:
        """None: the backup has it damaged. Raises Temporary."""
        store = self._run.backup.store
        try:
            return store.read_now(messages.octets, self._owner.account_id, one.box_id, one.uid, store.blobs)
        except Damaged:
            return None

    def _put_back(self, to: Destination, batch: Sequence[_Message], new: set[int]) -> None:
        report = self._report
        if self._plan:
            report.messages += len(batch)
            report.octets += sum(one.returning.size for one in batch)
            report.folders[to.name] = report.folders.get(to.name, 0) + len(batch)
            return
        if self._notice is None:
            self._run.record_begun(self._owner.account_id, self._wanted.words)
            what = Text("vos messages, dans le dossier « {folder} »", folder=report.tree)
            self._notice = self._run.notice(self._owner, f"{report.tree}\0{self._wanted}", what)
        ways = {one.returning.hash: one for one in batch}
        todo = [one.returning for one in batch if one.uid not in new]
        todo += self._prepared([one for one in batch if one.uid in new])
        while todo:
            done = self._unit(to, todo)
            if done is None:
                report.full = True
                return
            report.messages += done.count
            report.folders[to.name] = report.folders.get(to.name, 0) + done.count
            lacking = [ways[one.hash] for one in done.lacking]  # collected since it was asked for
            self._run.backup.fetch([one.file for one in lacking if one.file is not None])
            todo = self._prepared(lacking)

    def _prepared(self, those: Sequence[_Message]) -> list[Returning]:
        """With their octets; without those that are damaged."""
        ready: list[Returning] = []
        for one in those:
            octets = self._octets(one)
            if octets is None:
                self._report.damaged += 1
            else:
                ready.append(replace(one.returning, prepared=blobs.prepare(octets, self._run.store.blobs)))
        return ready

    def _unit(self, to: Destination, batch: Sequence[Returning]) -> PutBack | None:
        """None: there is no room. Raises Temporary."""
        store = self._run.store
        files = [one.prepared.file for one in batch if one.prepared is not None and one.prepared.file is not None]
        try:
            done = store.write_now(returned_mail.put_back, to, batch, self._quota, self._notice)
        except Uncertain:  # the collector finds out whether they are needed
            raise
        except (Refused, Temporary) as error:
            for name in files:
                blobs.remove_file(store.blobs, name)
            if isinstance(error, Refused) and error.reason in (Reason.OVER_QUOTA, Reason.LIMIT):
                return None
            raise
        for name in done.spare:
            blobs.remove_file(store.blobs, name)
        return done

    def _foresee_room(self) -> None:
        report = self._report
        try:
            self._run.store.read_now(
                messages.check_quota, self._owner.account_id, self._quota, report.octets, report.messages
            )
        except Refused:
            report.full = True


def _message(box_id: int, keywords: tuple[str, ...], row: Row) -> _Message:
    uid, digest, size, mask, received, file, header_size, message_id, sender, subject, *came = row
    facts = Facts(message_id, sender, subject, size - header_size)
    returning = Returning(bytes(digest), size, mask, keywords, received, Provenance.stored(*came))
    return _Message(box_id, uid, file, facts, returning)


def _batches(those: Sequence[_Message]) -> Iterator[list[_Message]]:
    batch: list[_Message] = []
    for one in those:
        batch.append(one)
        if len(batch) == BATCH or sum(had.returning.size for had in batch) >= BATCH_OCTETS:
            yield batch
            batch = []
    if batch:
        yield batch
