"""Commands about the session itself: CAPABILITY, ID, ENABLE, STARTTLS, LOGIN, AUTHENTICATE, NOOP, LOGOUT."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog

from imap.session.capabilities import ENABLES
from imap.session.session import Session
from imap.session.states import State, Turn
from imap.wire import codes, commands, responses
from imap.wire.codes import Code, CodeName
from imap.wire.responses import Reply, bye, no, ok
from mailserver.model.credentials import sasl, sasl_scram
from mailserver.model.credentials.sasl import Credentials, Secret
from mailserver.model.errors import BadSyntax
from mailserver.model.identity import Principal

log = structlog.get_logger("imap")

Outputs = AsyncGenerator[bytes | Reply, None]

_SPELLED = {name.upper(): name for name in ENABLES}

MAX_ENABLED = 50
"""Capabilities of one ENABLE that are looked at."""


async def capability(session: Session, command: commands.Capability) -> Outputs:
    """RFC 3501 section 6.1.1."""
    yield responses.capability(session.capabilities())
    yield ok("CAPABILITY completed")


async def noop(session: Session, command: commands.Noop) -> Outputs:
    """RFC 3501 section 6.1.2: the news come with every command's end."""
    yield ok("NOOP completed")


async def logout(session: Session, command: commands.Logout) -> Outputs:
    """RFC 3501 section 6.1.3."""
    session.unselect()
    session.state = State.LOGOUT
    yield bye("Goodbye").encode()
    yield ok("LOGOUT completed")


async def identify(session: Session, command: commands.Identify) -> Outputs:
    """ID (RFC 2971). What the client says of itself goes to the log, shortened, and changes nothing."""
    said = dict(command.fields or ())
    log.info("client identified", peer=session.connection.peer, name=(said.get("name") or "")[:80])
    yield responses.identity({"name": "mailserver"})
    yield ok("ID completed")


async def enable(session: Session, command: commands.Enable) -> Outputs:
    """RFC 5161: what is unknown is passed over in silence."""
    known = (_SPELLED.get(name) for name in command.capabilities[:MAX_ENABLED])
    wanted = [name for name in known if name is not None and name not in session.enabled]
    if "CONDSTORE" in wanted or "QRESYNC" in wanted:  # RFC 7162 section 3.2.3
        yield session.enable_condstore()
    if "IMAP4rev2" in wanted:
        session.enable_rev2()
    if "METADATA" in wanted:
        await session.enable_metadata()
    session.enabled.update(wanted)
    yield responses.enabled(wanted)
    yield ok("ENABLE completed")


async def start_tls(session: Session, command: commands.StartTls) -> Outputs:
    """RFC 3501 section 6.2.1. The protocol starts TLS after the tagged line, and forgets what it read before."""
    if not session.may_start_tls:
        raise BadSyntax("TLS is not available" if not session.connection.secure else "TLS is on already")
    session.turn = Turn.TLS
    yield ok("Begin TLS negotiation now")


async def compress(session: Session, command: commands.Compress) -> Outputs:
    """RFC 4978 section 3. The protocol compresses after the tagged line; TLS never does that here."""
    if command.mechanism != "DEFLATE":
        raise BadSyntax("No such mechanism")
    if session.connection.compressed:
        yield no("DEFLATE is active already", Code(CodeName.COMPRESSIONACTIVE))
        return
    session.turn = Turn.DEFLATE
    yield ok("DEFLATE active")


async def unauthenticate(session: Session, command: commands.Unauthenticate) -> Outputs:
    """RFC 8437 section 3. The protocol forgets the session after the tagged line: nothing of it can stay behind."""
    session.unselect()
    session.turn = Turn.STRANGER
    yield ok("Who are you?")


# ---------------------------------------------------------------------- logging in


async def log_in(session: Session, command: commands.Login) -> Outputs:
    """RFC 3501 section 6.2.3."""
    if not session.may_log_in:
        yield _privacy_required()
        return
    yield await _admit(session, Credentials(command.login, command.secret))


async def authenticate(session: Session, command: commands.Authenticate) -> Outputs:
    """RFC 3501 section 6.2.2 with PLAIN (RFC 4616), LOGIN and SCRAM-SHA-256 (RFC 7677); SASL-IR (RFC 4959)."""
    known = ("PLAIN", "LOGIN", *((sasl_scram.MECHANISM,) if session.services.login.scram.ready else ()))
    if command.mechanism not in known:
        yield no("No such mechanism", Code(CodeName.CANNOT))
        return
    if not session.may_log_in:
        yield _privacy_required()
        return
    if command.mechanism == sasl_scram.MECHANISM:
        async with aclosing(_prove(session, command)) as answer:
            async for output in answer:
                yield output
        return
    if command.mechanism == "PLAIN":
        if command.initial is not None:
            message = command.initial.reveal()
        else:
            yield responses.challenge()
            message = await _response(session)
        yield await _admit(session, sasl.parse_plain(message))
        return
    if command.initial is not None:
        login = command.initial.reveal()
    else:
        yield responses.challenge(b"Username:")
        login = await _response(session)
    yield responses.challenge(b"Password:")
    secret = await _response(session)
    try:
        yield await _admit(session, Credentials(login.decode(), Secret(secret.decode())))
    except UnicodeDecodeError:
        raise BadSyntax("Login and password must be UTF-8") from None


async def _prove(session: Session, command: commands.Authenticate) -> Outputs:
    """SCRAM-SHA-256 (RFC 5802 section 5): each shows the other that it knows the password, which nobody says."""
    scram = session.services.login.scram
    if command.initial is not None:
        message = command.initial.reveal()
    else:
        yield responses.challenge()
        message = await _response(session)
    opening = sasl_scram.parse_opening(message)
    challenge = await scram.begin(opening)
    yield responses.challenge(challenge)
    proof = sasl_scram.parse_proof(opening, challenge, await _response(session))
    principal, signature = await scram.finish(opening, proof, session.connection.peer, "imap")
    yield responses.challenge(signature)
    if await _response(session):
        raise BadSyntax("Nothing is left to be said")
    yield await _enter(session, principal, opening.authorization)


async def _response(session: Session) -> bytes:
    """One line of the client's half of a SASL dialogue; `*` gives it up (RFC 3501 section 6.2.2)."""
    line = await session.connection.line()
    if line == b"*":
        raise BadSyntax("Authentication given up")
    return sasl.decode_response(line)


async def _admit(session: Session, credentials: Credentials) -> Reply:
    """Ask the one place that knows passwords, and enter the authenticated state. Raises Refused."""
    connection = session.connection
    principal = await session.services.login.login(credentials.login, credentials.secret, connection.peer, "imap")
    return await _enter(session, principal, credentials.authorization)


async def _enter(session: Session, principal: Principal, claimed: str) -> Reply:
    """The authenticated state, for who may act as whom they claim to be."""
    if claimed and not principal.is_called(claimed):
        return no("Acting for somebody else is not possible", Code(CodeName.AUTHORIZATIONFAILED))
    if not session.connection.identify(principal.account_id):
        return no("Too many connections of this account", Code(CodeName.LIMIT))
    session.log_in(principal)
    await session.refresh_groups()
    return ok("Logged in", codes.capability(session.capabilities()))


def _privacy_required() -> Reply:
    return no("Passwords are taken only under TLS", Code(CodeName.PRIVACYREQUIRED))
