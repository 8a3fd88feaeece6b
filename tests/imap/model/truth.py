"""A fresh look at everything, while nobody does anything."""

import re

from tests.imap.model.ledger import Ledger, Look, Message
from tests.imap.model.mirror import Mode, lasting
from tests.imap.model.reading import Counted, Counters, Fetched, Listed, Other, Violation
from tests.imap.model.session import HEADER, VOLATILE, Person, Session

ITEMS = ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ", "MAILBOXID", "DELETED")


async def look(person: Person) -> list[Look]:
    """Every mailbox of a person, by a session of its own that claims nothing. Raises Violation."""
    session = Session(0, person, Mode(condstore=True), Ledger(), "truth")
    await session.log_in()
    try:
        listed = await session.command("LIST", '"" "*"')
        names = [_name(one.line) for one in listed.said if isinstance(one, Other)]
        return [await _look(session, name) for name in names if name is not None]
    finally:
        await session.close()


def _name(line: bytes) -> str | None:
    match = re.fullmatch(rb'\* LIST \(([^)]*)\) "/" (?:"([^"]*)"|(\S+))', line)
    if match is None or b"\\Noselect" in match[1]:
        return None
    return (match[2] or match[3]).decode()


async def _look(session: Session, name: str) -> Look:
    told = await session.command("STATUS", f'"{name}" ({" ".join(ITEMS)})')
    counters = next(one.items for one in told.said if isinstance(one, Counters))
    opened = await session.command("EXAMINE", f'"{name}" (CONDSTORE)')
    count = next(one.number for one in opened.said if isinstance(one, Counted) and one.kind == "EXISTS")
    messages = tuple(_message(one) for one in await _fetch(session, name, count))
    state = {"MESSAGES": count, "UIDNEXT": int(opened.codes("UIDNEXT")[0])}
    state |= {
        "UIDVALIDITY": int(opened.codes("UIDVALIDITY")[0]),
        "HIGHESTMODSEQ": int(opened.codes("HIGHESTMODSEQ")[0]),
    }
    state |= {"UNSEEN": sum("\\Seen" not in message.flags for message in messages)}
    state |= {"DELETED": sum("\\Deleted" in message.flags for message in messages)}
    if len(messages) != count or any(int(counters[item]) != value for item, value in state.items()):
        raise Violation(f"{name}: STATUS says {counters}, SELECT {state}, FETCH found {len(messages)}")
    found = await session.command("UID SEARCH", "UNSEEN")
    unseen = [word for one in found.said if isinstance(one, Listed) and one.kind == "SEARCH" for word in one.words]
    if unseen != [str(message.uid) for message in messages if "\\Seen" not in message.flags]:
        raise Violation(f"{name}: SEARCH UNSEEN found {unseen}")
    return Look(
        name,
        counters["MAILBOXID"].strip("()"),
        state["UIDVALIDITY"],
        state["UIDNEXT"],
        state["HIGHESTMODSEQ"],
        messages,
    )


async def _fetch(session: Session, name: str, count: int) -> list[Fetched]:
    if not count:
        return []
    answer = await session.command("FETCH", f"1:* (UID FLAGS MODSEQ {HEADER})")
    if [one.number for one in answer.told] != list(range(1, count + 1)):
        raise Violation(f"{name}: FETCH 1:* of {count} told of {[one.number for one in answer.told]}")
    return answer.told


def _message(told: Fetched) -> Message:
    assert told.uid is not None
    token = next(iter(told.sections.values())).decode().strip().removeprefix("X-Model: ")
    return Message(told.uid, token, lasting(told.flags), told.modseq or 0)


def differences(session: Session, looks: list[Look]) -> str:
    """How a session's mirror, its kept-up searches and what NOTIFY told it differ from the truth; "": not at all."""
    mirror = session.mirror
    by_name = {one.name: one for one in looks}
    for name, told in session.statuses.items():
        found = by_name.get(name)
        if (
            found is None
            or name.startswith(VOLATILE)
            or (mirror is not None and mirror.uidvalidity == found.uidvalidity)
        ):
            continue  # whoever did not ask for MailboxName is not told that a name stands for another mailbox
        real = {"MESSAGES": len(found.messages), "UIDNEXT": found.uidnext, "UIDVALIDITY": found.uidvalidity}
        if any(item in told and int(told[item]) != value for item, value in real.items()):
            return f"NOTIFY told of {name} {told}, but it is {real}"
    if mirror is None:
        return ""
    true = next((one for one in looks if one.uidvalidity == mirror.uidvalidity), None)
    if true is None:
        return f"{mirror.mailbox} ({mirror.uidvalidity}) is no more"
    if mirror.uids != [message.uid for message in true.messages]:
        return f"{true.name} has {mirror.uids}, but there are {[message.uid for message in true.messages]}"
    for slot, message in zip(mirror.slots, true.messages, strict=True):
        if lasting(slot.flags) != message.flags:
            return f"{true.name}: UID {message.uid} has {sorted(slot.flags or ())}, but is {sorted(message.flags)}"
        if session.mode.condstore and slot.modseq and slot.modseq != message.modseq:
            return f"{true.name}: UID {message.uid} is at {slot.modseq}, but was changed at {message.modseq}"
    if session.mode.condstore and mirror.heard > true.modseq:
        return f"{true.name}: heard of {mirror.heard}, but it is at {true.modseq}"
    for keyword, members in session.contexts.values():
        if members != {message.uid for message in true.messages if keyword in message.flags}:
            return f"{true.name}: the search for {keyword} was kept up as {sorted(members)}"
    return ""
