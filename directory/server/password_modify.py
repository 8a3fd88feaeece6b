"""The Password Modify operation (RFC 3062).

A person changes their own password, with the old one, under the rules that bind what people choose. The
administrator sets anybody's as it is. Without a new password the server makes one, and says it in its answer.
"""

from dataclasses import dataclass

from directory.issuing.hashing import Kept, Passwords
from directory.people.embedded import keep_password
from directory.server import passwords
from directory.server.binding import Binder
from directory.server.faults import Fault, fault_of
from directory.server.passwords import NewPassword
from directory.server.wire.messages import Code
from mailserver.login import Login
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Principal, State
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.people import people
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin

TRIES = 5
"""Passwords that we make until one breaks no rule: chance may spell a word or a name."""


@dataclass(frozen=True, slots=True)
class Done:
    """`made` is the password that the server made; `principal` the person as they are now, when it was their own."""

    made: Secret | None = None
    principal: Principal | None = None


class PasswordModify:
    """Sets passwords on a client's wish."""

    def __init__(self, store: Store, login: Login, binder: Binder, keeper: Passwords) -> None:
        self._store = store
        self._login = login
        self._binder = binder
        self._keeper = keeper

    async def own(self, wanted: NewPassword, principal: Principal, peer: str) -> Done:
        """A person's own password. Raises Fault, Temporary."""
        target = self._binder.login_of(wanted.identity) if wanted.identity else principal.login
        names = {fold_login(name) for name in (principal.login, principal.address, *principal.aliases)}
        if target is None or fold_login(target) not in names:
            raise Fault(Code.INSUFFICIENT_ACCESS_RIGHTS, "only the administrator sets the password of others")
        if wanted.old is None or not wanted.old.reveal():
            raise Fault(Code.UNWILLING_TO_PERFORM, "the old password is needed")
        try:
            proven = await self._login.login(principal.login, wanted.old, peer, "ldap")
            if proven.device_id or principal.device_id:
                raise Fault(Code.UNWILLING_TO_PERFORM, "an app password does not change the password")
            if wanted.new is not None:
                return Done(None, await self._change(principal, wanted.old, wanted.new, peer))
            return await self._change_to_made(principal, wanted.old, peer)
        except Refused as refused:
            raise fault_of(refused) from None

    async def _change(self, principal: Principal, old: Secret, new: Secret, peer: str) -> Principal:
        return await self._login.choosing.change_password(principal, old, passwords.settable(new), peer, "ldap")

    async def _change_to_made(self, principal: Principal, old: Secret, peer: str) -> Done:
        for left in reversed(range(TRIES)):
            made = passwords.generate(self._store.clock)
            try:
                return Done(made, await self._change(principal, old, made, peer))
            except Refused as refused:
                if refused.reason is not Reason.WEAK_PASSWORD or not left:
                    raise
        raise RuntimeError("unreachable")

    async def anybodys(self, wanted: NewPassword, origin: Origin) -> Done:
        """What the administrator sets, as it is. Raises Fault, Temporary."""
        login = self._binder.login_of(wanted.identity) if wanted.identity else None
        if login is None:
            text = "the administrator's own password is in the file secrets/ldap-admin of the instance"
            raise Fault(Code.UNWILLING_TO_PERFORM, text)
        found = await self._store.read(people.find_with_password, login)
        if found is None:
            raise Fault(Code.NO_SUCH_OBJECT, "no such account")
        entry, held = found
        if wanted.old is not None and not await self._keeper.verify(wanted.old, held):
            raise Fault(Code.INVALID_CREDENTIALS, "the old password is another one")
        made = passwords.generate(self._store.clock) if wanted.new is None else None
        kept = await self._keeper.keep(passwords.settable(made or wanted.new or Secret("")))
        try:
            await self._store.write(set_password, origin, entry.account_id, kept)
        except Refused as refused:
            raise fault_of(refused) from None
        return Done(made)


def set_password(tx: Tx, origin: Origin, account_id: int, kept: Kept) -> None:
    """A password as the administrator gives it; a waiting account is active. Raises Refused(CANNOT) when closed."""
    standing = accounts.get(tx, account_id)
    if standing is None or standing.state is State.CLOSED:
        raise Refused(Reason.CANNOT, "the account is closed")
    keep_password(tx, account_id, kept)
    audit.record(tx, origin, Action.PASSWORD_SET, account_id)
