"""Agendas, task lists and address books of one account out of a backup: all of them, or one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mailserver.model.errors import Reason, Refused
from mailserver.operations.partial_restore.whose import Owner, Run
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agenda_items import Item, NewItem
from mailserver.store.agenda.agendas import DISPLAY_NAME, SUBSCRIPTION, Collection
from mailserver.store.upkeep import returned_agendas
from mailserver.store.upkeep.returned_agendas import Destination
from mailserver.store.upkeep.returned_mail import Notice
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text

BATCH = 100
"""Items of one unit of the store."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which collections; an empty name: all."""

    name: str = ""
    """As people see it, or in its address."""
    in_place: bool = False
    everything: bool = False

    @property
    def words(self) -> Cause:
        """For the record."""
        return Cause("restored-agenda", name=self.name) if self.name else Cause("restored-agendas")


@dataclass(slots=True)
class AgendaReport:
    """What came of it; of a plan, what would."""

    items: int = 0
    there: int = 0
    """The account has them still."""
    full: bool = False
    """There is no room for the rest."""
    collections: dict[str, int] = field(default_factory=dict)
    """Items that came into each, by the name that people see."""


@dataclass(frozen=True, slots=True)
class _Lacking:
    """What comes back of one collection."""

    to: Destination
    shown: str
    """Where people find it."""
    hrefs: list[str]


class AgendaRestore:
    """One run for one account."""

    def __init__(self, run: Run, owner: Owner, wanted: Wanted, *, plan: bool = False) -> None:
        self._run = run
        self._owner = owner
        self._wanted = wanted
        self._plan = plan
        self._report = AgendaReport()

    def run(self) -> AgendaReport:
        """Bring them back. Raises Refused(NOT_FOUND), Temporary."""
        report = self._report
        lacking = [one for then in self._chosen() if (one := self._lacking(self._destination(then))).hrefs]
        for one in lacking:
            report.collections.setdefault(one.shown, 0)
            if self._plan:
                self._count(one, len(one.hrefs))
        if lacking and not self._plan:
            self._run.record_begun(self._owner.account_id, self._wanted.words)
            notice = self._notice(lacking)
            for one in lacking:
                self._restore(one, notice)
            self._run.record_ended(self._owner.account_id, report.items, ", ".join(report.collections))
        return report

    def _chosen(self) -> Iterator[Collection]:
        """Those of the backup that people filled. Raises Refused(NOT_FOUND)."""
        found = self._run.backup.store.read_now(agendas.listing, self._owner.account_id)
        wanted = self._wanted.name.casefold()
        if wanted:
            found = [one for one in found if wanted in (one.name.casefold(), _shown(one).casefold())]
            if not found:
                raise Refused(Reason.NOT_FOUND, Cause("restore-no-agenda", name=self._wanted.name))
        yield from (one for one in found if not one.source and one.tag != SUBSCRIPTION)

    def _destination(self, then: Collection) -> Destination:
        day, wanted = self._run.today(), self._wanted
        shown = f"{_shown(then)} (restauré le {day:%d/%m/%Y})"
        name = f"{returned_agendas.BESIDE.format(number=then.id)}{day:%Y%m%d}"
        props = {**then.props, DISPLAY_NAME: shown}
        return Destination(self._owner.account_id, then, name, props, wanted.in_place, wanted.everything)

    def _lacking(self, to: Destination) -> _Lacking:
        """What of it the account has no longer."""
        items = self._run.backup.store.read_now(agenda_items.stamps, to.account_id, to.then.id)
        missing = self._run.store.read_now(returned_agendas.missing, to, items)
        self._report.there += len(items) - len(missing)
        is_in_place = self._run.store.read_now(returned_agendas.is_in_place, to)
        shown = _shown(to.then) if is_in_place else to.props[DISPLAY_NAME]
        return _Lacking(to, shown, [one.href for one in missing])

    def _restore(self, lacking: _Lacking, notice: Notice) -> None:
        to, then = lacking.to, self._run.backup.store
        for start in range(0, len(lacking.hrefs), BATCH):
            hrefs = lacking.hrefs[start : start + BATCH]
            read = then.read_now(agenda_items.several, to.account_id, to.then.id, hrefs)
            new = [_new(one) for one in read.values()]
            try:
                self._count(lacking, self._run.store.write_now(returned_agendas.put_back, to, new, notice))
            except Refused as refusal:
                if refusal.reason is not Reason.LIMIT:
                    raise
                self._report.full = True
                return

    def _notice(self, lacking: Sequence[_Lacking]) -> Notice:
        names = ", ".join(f"« {one.shown} »" for one in lacking)
        what = Text("vos événements, tâches ou contacts, dans {names}", names=names)
        return self._run.notice(self._owner, f"agendas\0{self._run.today()}\0{self._wanted}", what)

    def _count(self, lacking: _Lacking, count: int) -> None:
        self._report.items += count
        self._report.collections[lacking.shown] += count


def _shown(one: Collection) -> str:
    return one.props.get(DISPLAY_NAME) or one.name


def _new(one: Item) -> NewItem:
    return NewItem(one.href, one.uid, one.etag, one.kind, one.component, one.starts, one.ends, one.text or "")
