"""Through lists and the lists within them, as their policies let a sender."""

from collections.abc import Sequence

from mailserver.delivery.list_copy import Head
from mailserver.model.identity import Roster, Writers
from mailserver.model.rules import Passage, Sender, Way, passage


class Walk:
    """Through a list and the lists within it, each once, as their policies let a sender."""

    def __init__(self, rosters: Sequence[Roster], sender: Sender | None) -> None:
        self._rosters = {roster.address: roster for roster in rosters}
        self._sender = sender
        self._entered: set[str] = set()
        self.accounts: dict[int, None] = {}
        self.others: dict[str, None] = {}
        self.held: list[Roster] = []
        self.closed = 0

    def way(self, roster: Roster, via: str) -> Way:
        """What the policy of one list says."""
        sender = self._sender
        is_member = sender is not None and roster.policy.writers is Writers.MEMBERS and self._contains(roster, sender)
        return passage(Passage(roster.policy, roster.owners, is_member, via), sender)

    def _contains(self, roster: Roster, sender: Sender) -> bool:
        """Members of lists within a list are its members. What is claimed from outside counts for those outside."""
        seen: set[str] = set()
        below = [roster]
        while below:
            one = below.pop()
            if one.address in seen:
                continue
            seen.add(one.address)
            if sender.account_id and (sender.account_id in one.accounts or sender.account_id in one.absent):
                return True
            if any(member in sender.addresses or member == sender.claimed for member in one.others):
                return True
            below += [self._rosters[inner] for inner in one.inner if inner in self._rosters]
        return False

    def enter(self, roster: Roster) -> None:
        """Take a list's members, and those of the lists within it whose policies allow."""
        if roster.address in self._entered:
            return
        self._entered.add(roster.address)
        if roster.box:
            self.accounts[roster.box] = None
            return
        self.accounts.update(dict.fromkeys(roster.accounts))
        self.others.update(dict.fromkeys(roster.others))
        for address in roster.inner:
            inner = self._rosters.get(address)
            if inner is None or inner.address in self._entered:
                continue
            match self.way(inner, roster.address):
                case Way.OPEN:
                    self.enter(inner)
                case Way.HELD:
                    self._entered.add(inner.address)
                    self.held.append(inner)
                case Way.CLOSED:
                    self.closed += 1


def head_of(roster: Roster) -> Head:
    """What the list's copies say of it."""
    policy = roster.policy
    return Head(
        roster.address,
        roster.name,
        policy.writers is Writers.OWNERS,
        policy.answers,
        may_leave=policy.may_leave,
        as_list=policy.as_list,
        max_size=policy.max_size,
        archive=policy.archive,
        digest=policy.digest,
    )
