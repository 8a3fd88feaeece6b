"""What a client does: each action chooses by the session's own random numbers, acts, and checks what came of it."""

from collections.abc import Awaitable, Callable
from itertools import count

from tests.imap.model.ledger import DELETED
from tests.imap.model.mirror import Mirror, Saved, Slot
from tests.imap.model.reading import Fetched, Response, Violation, numbers
from tests.imap.model.session import HEADER, VOLATILE, Answer, Session, spell

FIXED = ("INBOX", "Commun", "Commun/Archives")
PASSING = tuple(f"{VOLATILE}{number}" for number in range(3))
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Commun1", "$Commun2")
MISSING = ("TRYCREATE", "NONEXISTENT")
CROWDED = 60
"""Messages from which clients rather tidy up than add."""

_tokens = count(1)


# ---------------------------------------------------------------------- choosing


def _somewhere(session: Session) -> str:
    return session.random.choice(FIXED * 2 + PASSING)


def _some(session: Session, most: int = 6) -> list[Slot]:
    """Some messages, or none when there is none."""
    known = [slot for slot in session.selected.slots if slot.uid is not None and slot.flags is not None]
    return session.random.sample(known, min(len(known), session.random.randint(1, most)))


def _name(session: Session, slots: list[Slot]) -> tuple[str, str, list[int]]:
    """How a command names messages: its prefix, the set, the UIDs meant, ascending."""
    uids = sorted(slot.uid for slot in slots if slot.uid is not None)
    if session.mode.speaks_uid or session.random.random() < 0.5:
        return "UID ", spell(uids), uids
    places = {slot.uid: place for place, slot in enumerate(session.selected.slots, 1)}
    return "", spell(places[uid] for uid in uids), uids


def _flags(session: Session, most: int) -> frozenset[str]:
    names = session.random.sample((*FLAGS, session.keyword), session.random.randint(0, most))
    return frozenset([*names, DELETED] if session.random.random() < 0.25 else names)


def _message(token: str) -> bytes:
    return f"X-Model: {token}\r\nSubject: {token}\r\nMessage-ID: <{token}@modele.fr>\r\n\r\nBonjour.\r\n".encode()


def _appended(answer: Answer) -> tuple[int, list[int]]:
    """APPENDUID. Raises Violation when it is not there exactly once."""
    codes = answer.codes("APPENDUID")
    if len(codes) != 1:
        raise Violation(f"APPENDUID {len(codes)} times")
    uidvalidity, uids = codes[0].split()
    return int(uidvalidity), numbers(uids)


def _must_be_gone(session: Session, uids: list[int]) -> None:
    for uid in uids:
        if session.selected.find(uid) is not None:
            session.selected.passed_over(uid)


# ---------------------------------------------------------------------- changing


async def append(session: Session) -> None:
    tokens = [f"m{next(_tokens)}" for _ in range(session.random.choice((1, 1, 2, 3)))]
    flags, target = _flags(session, 2), _somewhere(session)
    session.at_stake.update(tokens)
    rest = target + f" ({' '.join(sorted(flags))}) {{}}" * len(tokens)
    answer = await session.command("APPEND", rest, *map(_message, tokens), allow=MISSING)
    if not answer.ok:
        return
    uidvalidity, uids = _appended(answer)
    session.ledger.made(uidvalidity, uids, tokens, flags)
    mirror = session.mirror
    if mirror is not None and mirror.uidvalidity == uidvalidity and mirror.uidnext:
        await session.fill()
        missing = {(uidvalidity, uid) for uid in uids if mirror.find(uid) is None and uid not in mirror.gone}
        if missing - session.ledger.doomed:  # the others went before they could be told of, or their UID was
            raise Violation(f"APPEND to the selected mailbox was not told of: {sorted(missing)}")


async def abandon(session: Session) -> None:
    """The connection breaks in the middle of an APPEND: the message is there, or not."""
    token = f"m{next(_tokens)}"
    session.ledger.uncertain.add(token)
    session.abandon(f"{session.random.choice(FIXED)} {{}}", _message(token))
    await session.leave(politely=False)
    await enter(session)


async def store(session: Session) -> None:
    slots = _some(session)
    if not slots or session.selected.read_only:
        return
    mirror, ledger = session.selected, session.ledger
    mode = session.random.choice("++++---=")
    flags = _flags(session, 3) or frozenset((session.keyword,))
    # What NOTIFY tells may have been said before the STORE, or after: silence would say nothing.
    silent = not session.mode.notify and session.random.random() < 0.5
    since = None
    if session.mode.condstore and session.random.random() < 0.3:
        slots = slots[:1]
        since = slots[0].modseq or mirror.heard
    prefix, named, uids = _name(session, slots)
    before = {slot.uid: (slot.flags or frozenset(), slot.modseq) for slot in slots}
    ledger.will_change(mirror.uidvalidity, uids, mode, flags)
    began = ledger.tick()
    condition = f"(UNCHANGEDSINCE {since}) " if since is not None else ""
    spelled = f"{condition}{mode.strip('=')}FLAGS{'.SILENT' if silent else ''} ({' '.join(sorted(flags))})"
    by_number = {place: slot.uid for place, slot in enumerate(mirror.slots, 1)}
    told: set[int] = set()

    def hear(response: Response) -> None:
        if isinstance(response, Fetched) and response.flags is not None:
            told.add(session.uid_of(response) or 0)

    answer = await session.command(f"{prefix}STORE", f"{named} {spelled}", allow=("EXPUNGEISSUED",), hook=hear)
    kept = {number for code in answer.codes("MODIFIED") for number in numbers(code)}
    if not prefix:
        kept = {by_number[number] or 0 for number in kept}
    if not kept <= set(uids) or (kept and since is None):
        raise Violation(f"MODIFIED {sorted(kept)} of {uids}")
    done = [uid for uid in uids if uid not in kept]
    _check_told(session, answer, prefix, done, told, silent=silent, changed=_changed(before, mode, flags))
    mirror.stored(done, mode, flags, told)
    ledger.changed(mirror.uidvalidity, done, mode, flags, session.keyword, began)
    ledger.ended(mirror.uidvalidity, uids, mode, flags)
    if since is not None and done and answer.ok and mirror.find(done[0]) is not None:
        old, modseq = before[done[0]]
        if modseq == since and done[0] in _changed(before, mode, flags) and old is not None:
            ledger.outran(mirror.uidvalidity, done[0], since, f"{session.who} {session.tag}")


def _changed(before: dict[int | None, tuple[frozenset[str], int]], mode: str, flags: frozenset[str]) -> set[int]:
    """The messages whose flags a STORE would move."""
    moved = set()
    for uid, (had, _) in before.items():
        old = had - {"\\Recent"}
        new = old | flags if mode == "+" else old - flags if mode == "-" else flags
        if uid is not None and new != old:
            moved.add(uid)
    return moved


def _check_told(
    session: Session,
    answer: Answer,
    prefix: str,
    done: list[int],
    told: set[int],
    *,
    silent: bool,
    changed: set[int],
) -> None:
    """A STORE tells the flags of every message that is there; a silent one the mod-sequence of what it changed."""
    mirror = session.selected
    expected = set(done) if not silent else changed & set(done) if session.mode.condstore else set()
    passed_over = expected - told
    unheard = not passed_over and not session.mode.notify  # which may have told of it before it was expunged
    if not prefix and not silent and (answer.ok == bool(passed_over)) and (answer.ok or unheard):
        raise Violation(f"STORE did not tell of {sorted(passed_over)}, and ended {answer.status}")
    for uid in passed_over:
        if mirror.find(uid) is not None:
            mirror.passed_over(uid)


async def copy(session: Session) -> None:
    await _transfer(session, "COPY")


async def move(session: Session) -> None:
    if not session.selected.read_only:
        await _transfer(session, "MOVE")


async def _transfer(session: Session, verb: str) -> None:
    slots = _some(session, 4)
    if not slots:
        return
    mirror, target = session.selected, _somewhere(session)
    prefix, named, uids = _name(session, slots)
    session.at_stake.update(session.ledger.tokens[mirror.uidvalidity, uid] for uid in uids)
    if verb == "MOVE":
        session.ledger.will_remove(mirror.uidvalidity, uids)
    answer = await session.command(f"{prefix}{verb}", f"{named} {target}", allow=(*MISSING, "EXPUNGEISSUED"))
    codes = answer.codes("COPYUID")
    if not answer.ok:
        if codes:
            raise Violation(f"COPYUID, though {answer.status}")
        return
    if len(codes) > 1:
        raise Violation("COPYUID twice")
    sources: list[int] = []
    if codes:
        uidvalidity, old, new = codes[0].split()
        sources, copies = numbers(old), numbers(new)
        pairs = list(zip(sources, copies, strict=True))
        session.ledger.copied(mirror.uidvalidity, int(uidvalidity), pairs, moved=verb == "MOVE")
    if not set(sources) <= set(uids):
        raise Violation(f"{verb} of {uids} took {sources}")
    _must_be_gone(session, [uid for uid in uids if uid not in sources])
    if verb == "MOVE" and (left := [uid for uid in sources if mirror.find(uid) is not None]):
        raise Violation(f"MOVE completed, but {left} were not told to be gone")


async def expunge(session: Session) -> None:
    mirror = session.selected
    if mirror.read_only:
        return
    uids = mirror.uids
    verb, rest = "EXPUNGE", ""
    if session.mode.speaks_uid or session.random.random() < 0.4:
        marked = [slot.uid for slot in mirror.slots if slot.uid and DELETED in (slot.flags or ())]
        uids = session.random.sample(marked, min(3, len(marked))) or uids[:2]
        verb, rest = "UID EXPUNGE", spell(uids)
        if not uids:
            return
    pending = session.ledger.will_expunge(mirror.uidvalidity, uids)
    answer = await session.command(verb, rest)
    session.ledger.expunged(pending)
    for key in pending:
        if key not in session.ledger.gone or mirror.find(key[1]) is None:
            continue
        if not session.person.exact:  # another one in another worker was faster
            mirror.passed_over(key[1])
        else:
            raise Violation(f"{answer.status}, but {key} was marked and is not told to be gone")


async def replace(session: Session) -> None:
    slots = _some(session, 1)
    if not slots or session.selected.read_only:
        return
    mirror, token = session.selected, f"m{next(_tokens)}"
    prefix, named, uids = _name(session, slots)
    flags = _flags(session, 1)
    session.ledger.will_remove(mirror.uidvalidity, uids)
    session.at_stake.add(token)
    rest = f"{named} {_somewhere(session)} ({' '.join(sorted(flags))}) {{}}"
    answer = await session.command(f"{prefix}REPLACE", rest, _message(token), allow=(*MISSING, "EXPUNGEISSUED", ""))
    if not answer.ok:
        return
    uidvalidity, made = _appended(answer)
    session.ledger.made(uidvalidity, made, [token], flags)
    session.ledger.gone.add((mirror.uidvalidity, uids[0]))
    if mirror.find(uids[0]) is not None:
        raise Violation(f"REPLACE completed, but {uids[0]} was not told to be gone")


# ---------------------------------------------------------------------- looking


async def fetch(session: Session) -> None:
    slots = _some(session, 20)
    if not slots:
        return
    mirror = session.selected
    prefix, named, uids = _name(session, slots)
    items = f"(UID FLAGS {'MODSEQ ' if session.mode.condstore else ''}{HEADER})"
    if session.mode.qresync and session.random.random() < 0.3:
        since = session.random.randint(max(1, mirror.heard - 30), max(1, mirror.heard))
        await session.command("UID FETCH", f"1:* (FLAGS) (CHANGEDSINCE {since} VANISHED)")
        return
    answer = await session.command(f"{prefix}FETCH", f"{named} {items}", allow=("EXPUNGEISSUED",))
    told = {one.number if one.by_uid else one.uid for one in answer.told if one.sections}
    passed_over = set(uids) - told
    if not prefix and answer.ok != (not passed_over):
        raise Violation(f"FETCH did not tell of {sorted(passed_over)}, and ended {answer.status}")
    _must_be_gone(session, sorted(passed_over))


async def search(session: Session) -> None:
    prefix = "UID " if session.mode.speaks_uid or session.random.random() < 0.5 else ""
    keyword = session.random.choice(("ALL", session.keyword, "$Commun1"))
    criterion = keyword if keyword == "ALL" else f"KEYWORD {keyword}"

    def compare(response: Response) -> None:
        found = session.found(response, session.tag)
        if found is not None:
            session.check_search(keyword, found, by_uid=bool(prefix))

    await session.command(f"{prefix}SEARCH", criterion, hook=compare)


async def keep_up(session: Session) -> None:
    """A search whose result is kept up (RFC 5267 section 4.3)."""
    if len(session.contexts) >= 3:
        tag = session.random.choice(sorted(session.contexts))
        await session.command("CANCELUPDATE", f'"{tag}"')
        del session.contexts[tag]
        return
    keyword = session.random.choice((session.keyword, "$Commun1"))

    def begin(response: Response) -> None:
        found = session.found(response, session.tag)
        if found is not None and session.tag not in session.contexts:
            session.check_search(keyword, found, by_uid=True)
            session.contexts[session.tag] = keyword, set(found)

    await session.command("UID SEARCH", f"RETURN (ALL UPDATE) KEYWORD {keyword}", hook=begin)


async def wait(session: Session) -> None:
    """NOOP, CHECK, IDLE, or nothing at all where the server speaks by itself."""
    seconds = session.random.uniform(0.01, 0.15)
    match session.random.randrange(4):
        case 0:
            await session.idle(seconds)
        case 1 if session.mode.notify:
            await session.listen(seconds)
        case 2:
            await session.command("CHECK")
        case _:
            await session.command("NOOP")


async def status(session: Session) -> None:
    await session.command("STATUS", f"{_somewhere(session)} (MESSAGES UIDNEXT UNSEEN)", allow=MISSING)


# ---------------------------------------------------------------------- mailboxes


async def enter(session: Session) -> None:
    """Connect if need be, and select a mailbox; with QRESYNC mostly from an older state."""
    if not session.connected:
        await session.log_in()
    if session.mode.qresync and session.archive and session.random.random() < 0.6:
        name, saved = session.random.choice(list(session.archive))
        await come_back(session, name, saved)
    else:
        await _open(session, _somewhere(session), "", None, limited=False)


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


Action = Callable[[Session], Awaitable[None]]

WEIGHTS: dict[Action, int] = {
    append: 14,
    store: 24,
    copy: 6,
    move: 6,
    expunge: 7,
    replace: 3,
    fetch: 10,
    search: 8,
    keep_up: 3,
    wait: 12,
    status: 2,
    switch: 4,
    leave_mailbox: 2,
    reconnect: 4,
    abandon: 1,
    create: 2,
    rename: 1,
    delete: 1,
}
ADDING: tuple[Action, ...] = (append, copy)
TIDYING: tuple[Action, ...] = (expunge, move)


def choose(session: Session) -> Action:
    """The next action, by chance; in a crowded mailbox rather one that tidies up."""
    mirror = session.mirror
    if mirror is None:
        return session.random.choice((enter, enter, append, create))
    actions, weights = list(WEIGHTS), list(WEIGHTS.values())
    if len(mirror) > CROWDED:
        weights = [
            0 if one in ADDING else 4 * w if one in TIDYING else w for one, w in zip(actions, weights, strict=True)
        ]
    return session.random.choices(actions, weights)[0]
