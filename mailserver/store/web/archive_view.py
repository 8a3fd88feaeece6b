"""What of a list's archive somebody is shown: a condition of every question that its pages ask.

Who it is, and in which of the list's circles, is decided elsewhere (`directory.lists.archive_readers`). A post keeps
whom it was for when it was sent on. The rules between populations bind its readers as they bind who gets it by mail;
who reads without being in the list sees of it what those wrote whom the directory shows them.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select

from mailserver.model.identity import Archive, Population, Role
from mailserver.model.messages.provenance import Door
from mailserver.model.visibility import Viewer
from mailserver.store.people.search import conditions
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import person
from mailserver.store.schema.people.rosters import archived_post


@dataclass(frozen=True, slots=True)
class ArchiveView:
    """One reader's, of one list. Without more than the list: an owner's, who is shown everything."""

    list: str
    circle: Archive = Archive.OWNERS
    """The innermost that they are of."""
    reader_id: int = 0
    kept_from: frozenset[Population] = frozenset()
    """Populations that may not write to theirs: what those wrote they did not get either."""
    is_outside: bool = False
    """They are elsewhere: what stayed in the academy when it was sent on does so."""
    viewer: Viewer | None = None
    """Who has to see its author in the directory; None: it is not asked."""


def shown(view: ArchiveView) -> ColumnElement[bool]:
    """Which posts they are shown. What was taken back is shown to nobody."""
    parts = [archived_post.c.list == view.list, archived_post.c.withdrawal_id == 0]
    if view.circle is not Archive.OWNERS:
        parts.append(archived_post.c.readers.in_([one.value for one in _OPEN_TO[view.circle]]))
    if view.is_outside:
        parts.append(archived_post.c.outside == 1)
    if view.kept_from:
        parts.append(or_(_is_their_own(view), ~_wrote(view.kept_from)))
    if view.viewer is not None:
        parts.append(or_(archived_post.c.account_id == 0, _is_seen(view.viewer)))
    return and_(*parts)


_OPEN_TO = {Archive.MEMBERS: (Archive.MEMBERS, Archive.ACADEMY), Archive.ACADEMY: (Archive.ACADEMY,)}


def _is_their_own(view: ArchiveView) -> ColumnElement[bool]:
    return and_(archived_post.c.account_id == view.reader_id, archived_post.c.account_id != 0)


def _wrote(populations: frozenset[Population]) -> ColumnElement[bool]:
    """Whether its author is of one of these populations, as they are now."""
    roles = [role.value for role in Role if role.population in populations]
    of_role = select(person.c.account_id).where(
        person.c.account_id == archived_post.c.account_id, person.c.role.in_(roles)
    )
    if Population.OUTSIDE not in populations:
        return of_role.exists()
    from_outside = and_(archived_post.c.account_id == 0, archived_post.c.door != int(Door.SERVICE))
    return or_(of_role.exists(), from_outside)


def _is_seen(viewer: Viewer) -> ColumnElement[bool]:
    """Whether the directory shows them its author."""
    return (
        select(person.c.account_id)
        .join(account, account.c.id == person.c.account_id)
        .where(person.c.account_id == archived_post.c.account_id, conditions.clause(conditions.visible(viewer)))
        .exists()
    )
