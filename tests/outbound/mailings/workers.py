"""What decides about mailings and what sends them, of one worker."""

from dataclasses import dataclass
from typing import Any

from mailserver.outbound.mailings.decisions import Mailings, version_of
from mailserver.outbound.mailings.sending import MailingSender
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.queue import mailings
from mailserver.store.queue.mailings import Mailing
from mailserver.store.record.audit import Origin
from tests.smtp.house import House

ADMIN = Origin("admin", "test")


@dataclass
class Worker:
    """Of one house."""

    house: House

    def __post_init__(self) -> None:
        house = self.house
        services: dict[str, Any] = {"settings": house.settings, "store": house.store, "clock": house.clock}
        people: dict[str, Any] = {"directory": house.directory, "delivery": house.delivery}
        self.withdrawals = Withdrawals(**services)
        self.decides = Mailings(**services, **people, withdrawals=self.withdrawals)
        self.sender = MailingSender(**services, **people, mailings=self.decides)

    def look(self) -> None:
        """One round of the background."""
        self.house.run(self.sender.look())

    def get(self, number: int) -> Mailing:
        return self.house.read(mailings.get, number)

    def approve(self, number: int, origin: Origin = ADMIN) -> None:
        self.house.run(self.decides.approve(number, version_of(self.get(number)), origin))

    def take_back(self, number: int) -> None:
        """All of it, the mailboxes too."""
        self.house.run(self.decides.take_back(number, ADMIN))
        self.look()
        self.house.run(self.withdrawals.look())
