"""Add, modify, rename and delete as operations: who may, what comes before the unit, and the unit."""

from collections.abc import Sequence

from directory.entries.tree import TERMS, Kind, Tree
from directory.issuing.enrolment import Academy
from directory.issuing.hashing import NO_PASSWORD, Kept, Passwords
from directory.lists.rosters import ListSettings
from directory.server import controls, passwords
from directory.server.faults import Fault, fault_of
from directory.server.reading.entries import Viewer
from directory.server.wire.messages import Code, Control, Request
from directory.server.wire.updates import Add, Delete, Edit, Modify, Rename, Update
from directory.server.writing import units
from directory.server.writing.contacts import Contacts
from directory.server.writing.desk import Desk, Password, Writer
from directory.server.writing.lists import Lists
from directory.server.writing.people import People
from directory.server.writing.schools import Schools
from directory.server.writing.terms import Terms
from directory.server.writing.units import Asked, is_password
from mailserver.foundation.settings import Settings
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax, Refused
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.people import claims, people
from mailserver.store.record.audit import Origin


class Updater:
    """Changes one tree."""

    def __init__(self, tree: Tree, store: Store, settings: Settings, keeper: Passwords) -> None:
        self._tree = tree
        self._store = store
        self._academy = Academy(settings.domain, Proofs(settings.secret("hmac")))
        self._settings = settings
        self._keeper = keeper

    async def run(self, request: Request, update: Update, viewer: Viewer, origin: Origin) -> list[Control]:
        """Carry out one update; the controls of its answer. Raises Fault, Temporary."""
        if not viewer.known:
            raise Fault(Code.INSUFFICIENT_ACCESS_RIGHTS, "bind first")
        try:
            asked = Asked(viewer, controls.wishes(request.controls, request.tag))
        except BadSyntax as error:
            raise Fault(Code.PROTOCOL_ERROR, str(error)) from None
        try:
            return await self._unit(update, asked, origin)
        except Refused as refused:
            raise fault_of(refused) from None

    async def _unit(self, update: Update, asked: Asked, origin: Origin) -> list[Control]:
        match update:
            case Modify():
                secret = await self._password(update, asked)
                return await self._store.write(self._modify, origin, asked, update, secret)
            case _ if not asked.viewer.administrator:
                raise Fault(Code.INSUFFICIENT_ACCESS_RIGHTS, "only the administrator changes this")
            case Add():
                given = [values for kind, values in update.attributes if is_password(kind)]
                if len(given) > 1:
                    raise Fault(Code.ATTRIBUTE_OR_VALUE_EXISTS, "userPassword: given twice")
                secret = await self._kept(given[0]) if given else None
                return await self._store.write(self._add, origin, asked, update, secret)
            case Rename():
                return await self._store.write(self._rename, origin, asked, update)
            case Delete():
                return await self._store.write(self._delete, origin, asked, update)

    # ------------------------------------------------------------------ units

    def _add(self, tx: Tx, origin: Origin, asked: Asked, update: Add, password: Password | None) -> list[Control]:
        return units.add(self._desk(tx, origin), asked, update, WRITERS, password)

    def _modify(self, tx: Tx, origin: Origin, asked: Asked, update: Modify, password: Password | None) -> list[Control]:
        return units.modify(self._desk(tx, origin), asked, update, WRITERS, password)

    def _rename(self, tx: Tx, origin: Origin, asked: Asked, update: Rename) -> list[Control]:
        return units.rename(self._desk(tx, origin), asked, update, WRITERS)

    def _delete(self, tx: Tx, origin: Origin, asked: Asked, update: Delete) -> list[Control]:
        return units.delete(self._desk(tx, origin), asked, update, WRITERS)

    def _desk(self, tx: Tx, origin: Origin) -> Desk:
        """One update at a time: what an entry becomes, and whether it may, follows from what it is."""
        claims.lock(tx)
        return Desk(tx, self._tree, self._academy, ListSettings.of(self._settings), self._settings.accounts, origin)

    # ------------------------------------------------------------------ passwords, hashed before the unit

    async def _kept(self, values: Sequence[bytes]) -> Password:
        return Password(await passwords.to_keep(self._keeper, values))

    async def _password(self, update: Modify, asked: Asked) -> Password | None:
        """What becomes of userPassword, which is in no entry: its modifications are applied here, in their order."""
        changes = [change for change in update.changes if is_password(change.attribute)]
        if not changes:
            return None
        if not asked.viewer.administrator:
            text = "one's own password is changed by the Password Modify operation (RFC 3062), with the old one"
            raise Fault(Code.UNWILLING_TO_PERFORM, text)
        held = await self._held(update.entry)
        kept, known = Kept(held), False
        for change in changes:
            match change.edit:
                case Edit.ADD if kept.hash:
                    raise Fault(Code.CONSTRAINT_VIOLATION, "userPassword: an account has one password: replace it")
                case Edit.ADD:
                    kept = (await self._kept(change.values)).kept
                case Edit.REPLACE:
                    kept = (await self._kept(change.values)).kept if change.values else NO_PASSWORD
                case Edit.DELETE:
                    known = await self._is_held(change.values, kept.hash) or known
                    kept = NO_PASSWORD
                case Edit.INCREMENT:
                    raise Fault(Code.CONSTRAINT_VIOLATION, "userPassword: not an integer, cannot be incremented")
        return Password(kept, held if known else None) if kept.hash != held else None

    async def _held(self, dn: str) -> str:
        """The hash that an entry has now; empty when it has none."""
        try:
            place = self._tree.locate(dn)
        except BadSyntax as error:
            raise Fault(Code.INVALID_DN_SYNTAX, str(error)) from None
        if place is None or place.kind is not Kind.PERSON:
            return ""
        found = await self._store.read(people.find_with_password, place.key)
        return found[1] if found is not None else ""

    async def _is_held(self, values: Sequence[bytes], kept: str) -> bool:
        """Whether the deletion names the password (it may also just delete it). Raises Fault(NO_SUCH_ATTRIBUTE)."""
        if not kept or len(values) > 1:
            raise Fault(Code.NO_SUCH_ATTRIBUTE, "userPassword: no such value")
        if not values:
            return False
        secret = Secret(values[0].decode("utf-8", "replace"))
        if not await self._keeper.verify(secret, kept):
            raise Fault(Code.NO_SUCH_ATTRIBUTE, "userPassword: no such value")
        return True


WRITERS: dict[Kind, Writer] = {
    Kind.PERSON: People(),
    Kind.CONTACT: Contacts(),
    Kind.GROUP: Lists(),
    Kind.STRUCTURE: Schools(),
    **dict.fromkeys(TERMS, Terms()),
}
"""Who writes entries of each kind; the branches and the administrator nobody."""
