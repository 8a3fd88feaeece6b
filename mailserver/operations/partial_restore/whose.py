"""Whose things are restored: found where they are now, else in the backup; what was erased on purpose is refused. How
they are told of it, and how it is put on record."""

import datetime
import hashlib
from dataclasses import dataclass, replace

from mailserver.foundation.settings import Settings
from mailserver.mime.writing import compose
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.notices.accounts import restored
from mailserver.notices.house import house_of
from mailserver.operations.backup.opened import OpenedBackup
from mailserver.store.account import accounts, stored_preferences
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs
from mailserver.store.people import claims
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.upkeep import returned_account
from mailserver.store.upkeep.returned_mail import Notice
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text

TOKEN_OCTETS = 16


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account it is."""

    account_id: int
    login: str
    erased: bool = False

    def address(self, domain: str) -> str:
        """One that leads to them."""
        return self.login if "@" in self.login else f"{self.login}@{domain}"


def find(backup: OpenedBackup, store: Store, known: int, login: str, domain: str) -> Owner:
    """`known`: the account that this name leads to today; 0: none. Raises Refused(NOT_FOUND), Temporary."""
    number = known or _in_backup(backup, login, domain)
    standing = store.read_now(accounts.get, number) if number > 0 else None
    if standing is None or backup.store.read_now(accounts.get, number) is None:
        raise Refused(Reason.NOT_FOUND, Cause("restore-no-account", login=login))
    return Owner(number, standing.login, bool(standing.erased))


def bring_back(run: "Run", owner: Owner, *, even_erased: bool, plan: bool) -> bool:
    """An account that was erased on purpose, if somebody says so; False when it was not erased.

    Raises Refused(FORBIDDEN | NOT_FOUND | CONFLICT), Temporary.
    """
    if not owner.erased:
        return False
    if not even_erased:
        raise Refused(Reason.FORBIDDEN, Cause("restore-erased", login=owner.login))
    then = run.backup.store.read_now(returned_account.read, owner.account_id)
    if then is None:
        raise Refused(Reason.NOT_FOUND, Cause("restore-no-account", login=owner.login))
    if not plan:
        run.record_begun(owner.account_id, Cause("restored-account"))
        run.store.write_now(returned_account.bring_back, owner.account_id, then)
    return True


def _in_backup(backup: OpenedBackup, login: str, domain: str) -> int:
    folded = fold_login(login)
    names = (folded,) if "@" in folded else (folded, f"{folded}@{domain}")
    return next((found for name in names if (found := backup.store.read_now(claims.owner, name))), 0)


@dataclass(frozen=True, slots=True)
class Run:
    """One restore: out of which backup, into which instance, by whom."""

    backup: OpenedBackup
    store: Store
    settings: Settings
    origin: Origin

    @property
    def made(self) -> datetime.datetime:
        """When the backup was made."""
        return datetime.datetime.fromisoformat(self.backup.backup.time)

    def today(self) -> datetime.date:
        """Of the academy's zone."""
        zone = house_of(self.settings).zone
        return datetime.datetime.fromtimestamp(self.store.clock.now(), zone).date()

    def notice(self, owner: Owner, about: str, what: Text, *, beside: bool = True) -> Notice:
        """What its owner is told; of the same things in the same place it is the same notice. Raises Temporary."""
        house = house_of(self.settings)
        house = replace(house, language=self.store.read_now(stored_preferences.preferences, owner.account_id).reads)
        named = f"{self.backup.backup.id}\0{owner.account_id}\0{about}".encode()
        token = hashlib.blake2b(named, digest_size=TOKEN_OCTETS).digest()
        octets = restored.build(
            house,
            owner.address(self.settings.domain),
            int(self.made.timestamp()),
            what,
            beside=beside,
            token=token,
            now=self.store.clock.now(),
        )
        return Notice(compose.message_id(token, house.domain), blobs.prepare(octets, self.store.blobs))

    def record_begun(self, account_id: int, what: Cause) -> None:
        """Put on record that something is about to come back. Raises Temporary."""
        time = self.made.isoformat(timespec="seconds")
        self._record(account_id, Cause("restore-begun", backup=self.backup.backup.id, time=time, what=what))

    def record_ended(self, account_id: int, count: int, where: str) -> None:
        """Put on record what came back. Raises Temporary."""
        self._record(account_id, Cause("restored", backup=self.backup.backup.id, count=count, where=where))

    def _record(self, account_id: int, detail: Cause) -> None:
        self.store.write_now(audit.record, self.origin, Action.RESTORED, account_id, detail)
