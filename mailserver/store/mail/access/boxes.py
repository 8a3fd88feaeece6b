"""Functional boxes (a secretariat, a head teacher): lists of kind `function` whose mail is stored once, in mailboxes of
their own.

The box has an account that nobody can log in to: no entry, no password. Its holders reach its mailboxes by the words
of the roster (`rights.WORDS`); whoever is no longer on the roster reaches nothing from the next question on.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import ListKind, State
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.access.acts import record
from mailserver.store.mail.access.reaching import held_boxes, require, rights_on
from mailserver.store.mail.access.rights import Viewer
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.rosters import list_member, mailing_list
from mailserver.texts.causes import Cause

USUAL = "read write send"
MANAGE = "manage"
SEND = "send"
"""The word that lets a holder write in the box's name."""
SENT = "\\Sent"
MOST_TOLD = 20
"""Managers of one box."""

_BOX = Statement(
    select(mailing_list.c.box_id).where(
        mailing_list.c.address == bindparam("address"), mailing_list.c.kind == ListKind.FUNCTION.value
    )
)
_ADDRESS = Statement(
    select(mailing_list.c.address).where(
        mailing_list.c.box_id == bindparam("box"), mailing_list.c.kind == ListKind.FUNCTION.value
    )
)
_MEMBERS = Statement(
    select(list_member.c.member, list_member.c.rights)
    .where(list_member.c.list == bindparam("address"))
    .order_by(list_member.c.member)
)
_LOGIN = Statement(select(account.c.login).where(account.c.id == bindparam("account")))


def ensure(tx: Tx, address: str) -> int:
    """The account that owns a functional box's mailboxes, made when it is missing. Raises Refused(NOT_FOUND).

    A box that is made again after it was deleted has the mail it had.
    """
    row = tx.one(_BOX, address=address)
    if row is None:
        raise Refused(Reason.NOT_FOUND, f"{address}: no such functional box")
    if row[0]:
        return int(row[0])
    known = accounts.by_login(tx, address)
    if known is not None and not known.erased:
        box_id = known.id
    else:
        login = address if known is None else f"{address}#{tx.now}"
        made = insert(account).values(
            login=login, state=State.ACTIVE.value, created=tx.now, state_since=tx.now, provisioned=1
        )
        box_id = int(tx.execute(made.returning(account.c.id)).scalar_one())
    tx.execute(update(mailing_list).where(mailing_list.c.address == address).values(box_id=box_id))
    mailboxes.provision(tx, box_id)
    give_usual_words(tx, address)
    tx.changed(DIRECTORY, 0)
    return box_id


def give_usual_words(tx: Tx, address: str) -> None:
    """Members of whom nothing is said read, write and send: nobody is left with mail they cannot reach."""
    unsaid = (list_member.c.list == address, list_member.c.rights == "")
    tx.execute(update(list_member).where(*unsaid).values(rights=USUAL))


def find(tx: Tx, address: str) -> int:
    """The account of a functional box; 0: there is no such box, or nothing was stored for it yet."""
    row = tx.one(_BOX, address=fold_login(address))
    return int(row[0]) if row is not None else 0


def address_of(tx: Tx, box_id: int) -> str:
    """The address of a functional box; empty: the account is none."""
    row = tx.one(_ADDRESS, box=box_id)
    return str(row[0]) if row is not None else ""


def sendable(tx: Tx, account_id: int) -> dict[str, int]:
    """The boxes in whose name somebody may write today: address -> the box's account."""
    return {box.address: box.box_id for box in held_boxes(tx, Viewer(account_id)) if SEND in box.words}


def managed(tx: Tx, account_id: int, address: str) -> int:
    """The account of a functional box that somebody manages today. Raises Refused(FORBIDDEN), whether there is such a
    box or not."""
    wanted = fold_login(address)
    for box in held_boxes(tx, Viewer(account_id)):
        if box.address == wanted and MANAGE in box.words:
            return box.box_id
    raise Refused(Reason.FORBIDDEN, "Acting for somebody else is not possible")


def told(tx: Tx, box_id: int) -> tuple[str, list[str]]:
    """Who is told of what becomes of a functional box: its address, and those of whoever manages it; nobody where the
    account is none."""
    address = address_of(tx, box_id)
    rows = tx.all(_MEMBERS, address=address) if address else []
    return address, [str(member) for member, words in rows if MANAGE in str(words).split()][:MOST_TOLD]


def takes_copy(tx: Tx, viewer: Viewer, box_id: int) -> bool:
    """Whether what somebody sends in a box's name is kept in its Sent: whether they may put something there."""
    sent = mailboxes.by_use(tx, box_id, SENT)
    if sent is not None:
        return "i" in rights_on(tx, viewer, box_id, sent.id)
    return any(box.box_id == box_id and "i" in box.rights for box in held_boxes(tx, viewer))


def copies(tx: Tx, viewer: Viewer) -> dict[str, bool]:
    """The boxes in whose name somebody may write today: address -> whether its Sent takes the copy."""
    return {address: takes_copy(tx, viewer, box_id) for address, box_id in sendable(tx, viewer.account_id).items()}


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody who reads in a mailbox of others and wants to write from there."""

    owner: str
    """Whose it is: a login, or the box's address."""
    box: str
    """The functional box's address; empty: it is a person's."""
    sends: bool
    """They may write in the box's name."""


def standing(tx: Tx, viewer: Viewer, mailbox_id: int) -> Standing:
    """In whose mailbox somebody reads, and whether they may write in its name.

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN).
    """
    owner, _ = require(tx, viewer, mailbox_id, "r")
    row = tx.one(_ADDRESS, box=owner)
    if row is not None:
        return Standing(str(row[0]), str(row[0]), owner in sendable(tx, viewer.account_id).values())
    known = tx.one(_LOGIN, account=owner)
    return Standing(str(known[0]) if known else "", "", False)


def sent(tx: Tx, account_id: int, box_ids: tuple[int, ...], name: str) -> None:
    """Put on record who sent a message in the name of these boxes; `name` is the message's in the queue and the log.

    Raises Refused(FORBIDDEN) when the right to do so is gone.
    """
    if not box_ids:
        return
    if not set(box_ids) <= set(sendable(tx, account_id).values()):
        raise Refused(Reason.FORBIDDEN, "You may not write in the name of this box")
    for box_id in box_ids:
        record(tx, Viewer(account_id), box_id, "", "send", detail=Cause("act-sent", name=name))
