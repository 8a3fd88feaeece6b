"""What a client looks at: FETCH, SEARCH, searches that are kept up, NOOP, IDLE, STATUS."""

from tests.imap.model.choosing import MISSING, must_be_gone, named_by, some, somewhere
from tests.imap.model.reading import Response, Violation
from tests.imap.model.session import HEADER, Session


async def fetch(session: Session) -> None:
    slots = some(session, 20)
    if not slots:
        return
    mirror = session.selected
    prefix, named, uids = named_by(session, slots)
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
    must_be_gone(session, sorted(passed_over))


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
    await session.command("STATUS", f"{somewhere(session)} (MESSAGES UIDNEXT UNSEEN)", allow=MISSING)
