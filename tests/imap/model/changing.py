"""What a client changes: APPEND, STORE, COPY, MOVE, EXPUNGE, REPLACE; each checks what came of it."""

from itertools import count

from tests.imap.model.choosing import MISSING, must_be_gone, named_by, some, some_flags, somewhere
from tests.imap.model.ledger import DELETED
from tests.imap.model.reading import Fetched, Response, Violation, numbers
from tests.imap.model.session import Answer, Session, spell

_tokens = count(1)


def new_token() -> str:
    """A content that no message has yet."""
    return f"m{next(_tokens)}"


def message(token: str) -> bytes:
    return f"X-Model: {token}\r\nSubject: {token}\r\nMessage-ID: <{token}@modele.fr>\r\n\r\nBonjour.\r\n".encode()


def _appended(answer: Answer) -> tuple[int, list[int]]:
    """APPENDUID. Raises Violation when it is not there exactly once."""
    codes = answer.codes("APPENDUID")
    if len(codes) != 1:
        raise Violation(f"APPENDUID {len(codes)} times")
    uidvalidity, uids = codes[0].split()
    return int(uidvalidity), numbers(uids)


def _note(session: Session, uidvalidity: int, uids: list[int], what: str) -> None:
    session.ledger.note(uidvalidity, uids, f"{session.who} {what}".strip())


async def append(session: Session) -> None:
    tokens = [new_token() for _ in range(session.random.choice((1, 1, 2, 3)))]
    flags, target = some_flags(session, 2), somewhere(session)
    session.at_stake.update(tokens)
    rest = target + f" ({' '.join(sorted(flags))}) {{}}" * len(tokens)
    answer = await session.command("APPEND", rest, *map(message, tokens), allow=MISSING)
    if not answer.ok:
        return
    uidvalidity, uids = _appended(answer)
    session.ledger.made(uidvalidity, uids, tokens, flags)
    _note(session, uidvalidity, uids, f"APPEND {sorted(flags)}")
    mirror = session.mirror
    if mirror is not None and mirror.uidvalidity == uidvalidity and mirror.uidnext:
        await session.fill()
        missing = {(uidvalidity, uid) for uid in uids if mirror.find(uid) is None and uid not in mirror.gone}
        if missing - session.ledger.doomed:  # the others went before they could be told of, or their UID was
            raise Violation(f"APPEND to the selected mailbox was not told of: {sorted(missing)}")


async def store(session: Session) -> None:
    slots = some(session)
    if not slots or session.selected.read_only:
        return
    mirror, ledger = session.selected, session.ledger
    mode = session.random.choice("++++---=")
    flags = some_flags(session, 3) or frozenset((session.keyword,))
    # What NOTIFY tells may have been said before the STORE, or after: silence would say nothing.
    silent = not session.mode.notify and session.random.random() < 0.5
    since = None
    if session.mode.condstore and session.random.random() < 0.3:
        slots = slots[:1]
        since = max(1, (slots[0].modseq or mirror.heard) - session.random.choice((0, 0, 1)))
    prefix, named, uids = named_by(session, slots)
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

    _note(session, mirror.uidvalidity, uids, f"{prefix}STORE {named} {spelled}")
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
        _check_unchanged(session, done[0], since, before[done[0]][1], done[0] in _changed(before, mode, flags))


def _check_unchanged(session: Session, uid: int, since: int, modseq: int, moved: bool) -> None:
    """A STORE with UNCHANGEDSINCE was carried out on a message that was last seen at this mod-sequence."""
    if modseq > since:
        raise Violation(f"UID {uid} was changed at {modseq}, but STORE UNCHANGEDSINCE {since} changed it")
    if modseq == since and moved:
        session.ledger.outran(session.selected.uidvalidity, uid, since, f"{session.who} {session.tag}")


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
    slots = some(session, 4)
    if not slots:
        return
    mirror, target = session.selected, somewhere(session)
    prefix, named, uids = named_by(session, slots)
    session.at_stake.update(session.ledger.tokens[mirror.uidvalidity, uid] for uid in uids)
    if verb == "MOVE":
        session.ledger.will_remove(mirror.uidvalidity, uids)
    _note(session, mirror.uidvalidity, uids, f"{prefix}{verb} {named} {target}")
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
    must_be_gone(session, [uid for uid in uids if uid not in sources])
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
    _note(session, mirror.uidvalidity, uids, f"{verb} {rest}")
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
    slots = some(session, 1)
    if not slots or session.selected.read_only:
        return
    mirror, token = session.selected, new_token()
    prefix, named, uids = named_by(session, slots)
    flags = some_flags(session, 1)
    session.ledger.will_remove(mirror.uidvalidity, uids)
    _note(session, mirror.uidvalidity, uids, f"{prefix}REPLACE {named}")
    session.at_stake.add(token)
    rest = f"{named} {somewhere(session)} ({' '.join(sorted(flags))}) {{}}"
    answer = await session.command(f"{prefix}REPLACE", rest, message(token), allow=(*MISSING, "EXPUNGEISSUED", ""))
    if not answer.ok:
        return
    uidvalidity, made = _appended(answer)
    session.ledger.made(uidvalidity, made, [token], flags)
    _note(session, uidvalidity, made, f"REPLACE {sorted(flags)}")
    session.ledger.gone.add((mirror.uidvalidity, uids[0]))
    if mirror.find(uids[0]) is not None:
        raise Violation(f"REPLACE completed, but {uids[0]} was not told to be gone")
