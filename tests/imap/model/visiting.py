"""How a client comes and goes, and what it does to mailboxes as a whole."""

from tests.imap.model.changing import message, new_token
from tests.imap.model.choosing import FIXED, PASSING, somewhere
from tests.imap.model.mirror import Mirror, Saved
from tests.imap.model.session import VOLATILE, Session, spell


async def enter(session: Session) -> None:
    """Connect if need be, and select a mailbox; with QRESYNC mostly from an older state."""
    if not session.connected:
        await session.log_in()
    if session.mode.qresync and session.archive and session.random.random() < 0.6:
        name, saved = session.random.choice(list(session.archive))
        await come_back(session, name, saved)
    else:
        await _open(session, somewhere(session), "", None, limited=False)


async def come_back(session: Session, name: str, saved: Saved) -> None:
    """SELECT ... (QRESYNC ...), RFC 7162 section 3.2.5."""
    uids = sorted(saved.flags)
    limited = bool(uids) and session.random.random() < 0.3
    rest = f"{saved.uidvalidity} {saved.modseq}"
    if limited:
        rest += f" {spell(uids)}"
    if uids and not session.mode.uid_only and session.random.random() < 0.4:
        places = sorted(session.random.sample(range(len(uids)), min(4, len(uids))))
        known = "" if limited else f" 1:{uids[-1]}"
        limited = True
        rest += f"{known} ({spell(place + 1 for place in places)} {spell(uids[place] for place in places)})"
    await _open(session, name, f" (QRESYNC ({rest}))", saved, limited=limited)


async def _open(session: Session, name: str, parameter: str, saved: Saved | None, *, limited: bool) -> None:
    session.statuses.pop(name, None)
    read_only = session.random.random() < 0.15
    if await session.select(Mirror(session.mode, name, read_only=read_only, saved=saved, limited=limited), parameter):
        await session.fill()
        session.keep()


async def leave_mailbox(session: Session) -> None:
    mirror = session.selected
    session.keep()
    uids = [] if mirror.read_only else mirror.uids
    verb = session.random.choice(("CLOSE", "UNSELECT"))
    pending = session.ledger.will_expunge(mirror.uidvalidity, uids if verb == "CLOSE" else [])
    session.ledger.note(mirror.uidvalidity, uids if verb == "CLOSE" else (), f"{session.who} CLOSE")
    await session.command(verb)
    session.ledger.expunged(pending)
    session.forget()
    await enter(session)


async def switch(session: Session) -> None:
    await enter(session)


async def reconnect(session: Session) -> None:
    await session.leave(politely=session.random.random() < 0.5)
    await enter(session)


async def create(session: Session) -> None:
    answer = await session.command("CREATE", session.random.choice(PASSING), allow=("ALREADYEXISTS",))
    if answer.ok:
        session.ledger.mailboxes.add(answer.codes("MAILBOXID")[0].strip("()"))


async def rename(session: Session) -> None:
    old, new = session.random.sample(PASSING, 2)
    answer = await session.command("RENAME", f"{old} {new}", allow=("ALREADYEXISTS", "NONEXISTENT"))
    mirror = session.mirror
    if answer.ok and mirror is not None and mirror.mailbox == old:
        mirror.mailbox = new


async def delete(session: Session) -> None:
    mirror, name = session.mirror, session.random.choice(PASSING)
    answer = await session.command("DELETE", name, allow=("NONEXISTENT",))
    if not answer.ok:
        return
    session.ledger.removals += 1
    # Names move: it may be the selected one, and then nothing is selected now.
    doubtful = mirror is not None and mirror.mailbox.startswith(VOLATILE)
    if doubtful and not (await session.command("CHECK", may_be_bad=True)).ok:
        session.forget()


async def abandon(session: Session) -> None:
    """The connection breaks in the middle of an APPEND: the message is there, or not."""
    token = new_token()
    session.ledger.uncertain.add(token)
    session.abandon(f"{session.random.choice(FIXED)} {{}}", message(token))
    await session.leave(politely=False)
    await enter(session)
