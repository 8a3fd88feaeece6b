"""Who sends a mailing, as deliveries and reports see them."""

from dataclasses import replace

from mailserver.delivery import UNPROVEN, Delivery
from mailserver.model.identity import Directory, Principal
from mailserver.model.messages.authentication import AuthenticationResults
from mailserver.model.rules import Sender
from mailserver.store.queue.mailings import Mailing


class Authors:
    """One per worker."""

    def __init__(self, *, directory: Directory, delivery: Delivery) -> None:
        self._directory = directory
        self._delivery = delivery

    async def of(self, one: Mailing) -> Principal | None:
        """Its author as the directory knows them now; None: somebody outside, or nobody any more. Raises Temporary."""
        return await self._directory.by_account(one.account_id) if one.account_id else None

    async def sender(self, one: Mailing) -> Sender:
        """As rules and brakes judge them. Raises Temporary."""
        author = await self.of(one)
        if author is not None:
            return Sender.person(author)
        if one.account_id:
            return Sender(one.population, one.account_id)
        return self._delivery.outsider(one.reverse_path or UNPROVEN)


def looked_at(one: Mailing) -> AuthenticationResults:
    """What was found out about who sent it: somebody has looked at it since, so it is put aside for nobody."""
    return replace(one.came.results, quarantined=False)
