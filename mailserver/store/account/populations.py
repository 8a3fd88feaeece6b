"""Which population accounts are of, and what the rules between populations let them share.

It is asked in the unit that needs it.

A person of the embedded directory has a role; one of an external directory the population that was last seen there; a
functional box is the administration's.
"""

from collections.abc import Iterable

from sqlalchemy import select

from mailserver.model.identity import Population, Role
from mailserver.model.rules import Sharing, check_brake, may_share_widely, sentences, sharing
from mailserver.model.rules.decisions import Rules, Sender
from mailserver.store.account import rules
from mailserver.store.engine.statements import ManyStatement, Tx
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import person
from mailserver.store.schema.people.rosters import mailing_list

_ROLES = ManyStatement(select(person.c.account_id, person.c.role), person.c.account_id)
_SEEN = ManyStatement(select(account.c.id, account.c.population).where(account.c.population != ""), account.c.id)
_BOXES = ManyStatement(select(mailing_list.c.box_id), mailing_list.c.box_id)


def of_accounts(tx: Tx, account_ids: Iterable[int]) -> dict[int, Population]:
    """The populations of accounts; who is not known to be of any is left out."""
    wanted = list(dict.fromkeys(account_ids))
    found = {int(account_id): Role(role).population for account_id, role in _ROLES.rows(tx, wanted)}
    left = [account_id for account_id in wanted if account_id not in found]
    found.update((int(account_id), Population(seen)) for account_id, seen in _SEEN.rows(tx, left))
    left = [account_id for account_id in left if account_id not in found]
    found.update((int(account_id), Population.STAFF) for (account_id,) in _BOXES.rows(tx, left))
    return found


class Ties:
    """What a reader may have of what others share: the table as it is now, whenever the sharing began."""

    def __init__(self, tx: Tx, reader_id: int, owners: Iterable[int]) -> None:
        self._rules: Rules = rules.table(tx)
        self._populations = of_accounts(tx, (reader_id, *owners))
        self._reader = self._populations.get(reader_id)

    def with_reader(self, owner_id: int) -> Sharing:
        """How far what this owner shares with the reader goes."""
        return sharing(self._rules, self._populations.get(owner_id), self._reader)

    def widely(self, owner_id: int) -> bool:
        """Whether what this owner shares with everybody or with a list counts."""
        return may_share_widely(self._populations.get(owner_id))


def wide_sharers(tx: Tx, account_ids: Iterable[int]) -> set[int]:
    """Those who may share with everybody or with a list."""
    return {
        account_id for account_id, population in of_accounts(tx, account_ids).items() if may_share_widely(population)
    }


def limit(tx: Tx, givers: Iterable[int], reader_id: int) -> Sharing:
    """How far all of these accounts may go in sharing with somebody."""
    given = list(givers)
    table, known = rules.table(tx), of_accounts(tx, (*given, reader_id))
    return min(
        sharing(table, known.get(account_id), known.get(reader_id)) for account_id in given if account_id != reader_id
    )


def check_sharing(tx: Tx, givers: Iterable[int], reader_id: int, wanted: Sharing) -> None:
    """May these accounts (an owner, and whoever acts for them) let somebody in that far? Raises Denied."""
    given = list(givers)
    now, known = rules.load(tx), of_accounts(tx, (*given, reader_id))
    for account_id in given:
        _check_brake(tx, now, known.get(account_id), account_id)
        if account_id != reader_id and sharing(now, known.get(account_id), known.get(reader_id)) < wanted:
            raise sentences.may_not_share(known.get(account_id), known.get(reader_id))


def check_wide_sharing(tx: Tx, givers: Iterable[int]) -> None:
    """May these accounts share with everybody, or with a list? Raises Denied."""
    given = list(givers)
    now, known = rules.load(tx), of_accounts(tx, given)
    for account_id in given:
        _check_brake(tx, now, known.get(account_id), account_id)
        if not may_share_widely(known.get(account_id)):
            raise sentences.may_not_share_widely()


def _check_brake(tx: Tx, now: Rules, population: Population | None, account_id: int) -> None:
    """A population that may not send lets nobody in either: what is shared shows its name to whom it is shared with."""
    if population is not None:
        check_brake(now, Sender(population, account_id), tx.now)
