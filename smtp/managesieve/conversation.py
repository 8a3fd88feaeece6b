"""The commands of ManageSieve (RFC 5804 section 2): each checks the order of things, asks the service, and answers."""

import ssl
from collections.abc import Awaitable, Callable, Sequence

import structlog

from mailserver.filters import Scripts
from mailserver.filters.sieve import SieveError
from mailserver.foundation.network.peers import Entry
from mailserver.login import Login
from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.model.folding import fold_login
from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.account.filters import Bound, OverBound
from mailserver.store.engine.transactions import Store
from mailserver.store.mail.access import boxes
from mailserver.store.record.audit import Origin
from mailserver.texts.languages import LanguageCode
from mailserver.texts.text import Text, spoken
from smtp.door import Door
from smtp.managesieve import login, replies
from smtp.managesieve.connection import IDLE_SECONDS, STRANGER_SECONDS, Connection, Gone
from smtp.managesieve.framing import Argument, Broken, Command

log = structlog.get_logger("managesieve")

MAX_LOGINS = 3
"""Failed logins of one connection; the throttle of `mailserver.login` counts over all of them."""
STRANGER_LITERAL = 16 * 1024
"""Octets of a literal before a login: a response of SASL has 12,288."""

QUOTA = {Bound.SCRIPTS: b"QUOTA/MAXSCRIPTS", Bound.SIZE: b"QUOTA/MAXSIZE", Bound.TOTAL: b"QUOTA"}
CODES = {Reason.NOT_FOUND: b"NONEXISTENT", Reason.CONFLICT: b"ALREADYEXISTS", Reason.CANNOT: b"ACTIVE"}
"""Codes of refusals (RFC 5804 section 1.3)."""

Handler = Callable[[Sequence[Argument]], Awaitable[None]]


class Conversation(Connection):
    """One client."""

    def __init__(
        self,
        *,
        door: Door,
        entry: Entry,
        context: ssl.SSLContext,
        store: Store,
        who: Login,
        scripts: Scripts,
    ) -> None:
        super().__init__(door=door, entry=entry, context=context, literal=STRANGER_LITERAL)
        self._store = store
        self._login = who
        self._scripts = scripts
        self._person: Principal | None = None
        self._box = ""
        """The address of the functional box whose scripts they are; empty: their own."""
        self._account = 0
        """Whose scripts they are."""
        self._language: LanguageCode | None = None
        self._failed = 0
        self._anybody: dict[str, Handler] = {
            "CAPABILITY": self._capability,
            "LOGOUT": self._logout,
            "NOOP": self._noop,
        }
        self._stranger: dict[str, Handler] = {"STARTTLS": self._starttls, "AUTHENTICATE": self._authenticate}
        self._known: dict[str, Handler] = {
            "UNAUTHENTICATE": self._unauthenticate,
            "HAVESPACE": self._havespace,
            "PUTSCRIPT": self._putscript,
            "CHECKSCRIPT": self._checkscript,
            "LISTSCRIPTS": self._listscripts,
            "SETACTIVE": self._setactive,
            "GETSCRIPT": self._getscript,
            "DELETESCRIPT": self._deletescript,
            "RENAMESCRIPT": self._renamescript,
        }

    # ------------------------------------------------------------------ one command

    async def greet(self) -> None:
        self.say(self._capabilities() + replies.ok("ManageSieve"))

    async def obey(self, command: Command) -> None:
        handler = self._handler(command.name)
        if handler is None:
            return
        try:
            if command.name in self._known and self._person is not None:
                await self._login.stays(self._person)
                if self._box:
                    await self._store.read(boxes.managed, self._person.account_id, self._box)
        except Refused as refusal:
            self.end(replies.bye(refusal.text))
            return
        except Temporary as error:
            self.say(replies.no(str(error), b"TRYLATER"))
            return
        await self._carry_out(handler, command)

    def _handler(self, name: str) -> Handler | None:
        """What to do; None: it may not be done now, which is answered."""
        if name in self._anybody:
            return self._anybody[name]
        here, elsewhere = (self._stranger, self._known) if self._person is None else (self._known, self._stranger)
        if name in here:
            return here[name]
        if name in elsewhere:
            self.fault("Authenticate first" if self._person is None else "You are authenticated already")
        else:
            self.fault("There is no such command")
        return None

    async def _carry_out(self, handler: Handler, command: Command) -> None:
        try:
            await handler(command.arguments)
        except BadSyntax as error:
            self.fault(str(error))
        except SieveError as error:
            place = f"line {error.line}, column {error.column}: " if error.line else ""
            self.say(replies.no(place + self._spoken(error.text)))
        except OverBound as over:
            self.say(replies.no(over.text, QUOTA[over.bound]))
        except Refused as refusal:
            self.say(replies.no(refusal.text, CODES.get(refusal.reason, b"")))
        except Temporary as error:
            self.say(replies.no(str(error) or "Try again later", b"TRYLATER"))

    def too_big(self, line: Broken) -> None:
        if self._person is not None and line.name in ("PUTSCRIPT", "CHECKSCRIPT"):
            self.say(replies.no(Bound.SIZE.value, QUOTA[Bound.SIZE]))
        else:
            self.fault(line.text)

    def _spoken(self, text: Text) -> str:
        return spoken(text, self._language, " / ")

    # ------------------------------------------------------------------ anybody

    async def _capability(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments)
        self.say(self._capabilities() + replies.ok())

    def _capabilities(self) -> bytes:
        offered = login.mechanisms(self._login) if self._may_log_in else ()
        owner = self._box or (self._person.login if self._person is not None else "")
        return replies.capabilities(offered, tls=not self.tls and not owner, owner=owner)

    @property
    def _may_log_in(self) -> bool:
        return self.tls or self._entry.is_loopback

    async def _logout(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments)
        self.end(replies.ok("Goodbye"))

    async def _noop(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments, *([bytes] if arguments else []))
        self.say(replies.tagged(_octets(arguments[0])) if arguments else replies.ok("Done"))

    # ------------------------------------------------------------------ strangers

    async def _starttls(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments)
        if self.tls:
            raise BadSyntax("TLS is active already")
        await self.start_tls()
        await self.greet()

    async def _authenticate(self, arguments: Sequence[Argument]) -> None:
        if not 1 <= len(arguments) <= 2:
            raise BadSyntax("AUTHENTICATE has a mechanism and at most one response")
        mechanism = _text(arguments[0]).upper()
        if mechanism not in login.mechanisms(self._login):
            self.say(replies.no("There is no such mechanism"))
            return
        if not self._may_log_in:
            self.say(replies.no("Passwords are taken only under TLS", b"ENCRYPT-NEEDED"))
            return
        initial = login.decode(_octets(arguments[1])) if len(arguments) == 2 else None
        try:
            proven = await login.prove(self._login, mechanism, initial, self._entry.peer, self._ask)
            account_id = proven.person.account_id
            if proven.claimed:
                account_id = await self._store.read(boxes.managed, account_id, proven.claimed)
        except Refused as refusal:
            self._refuse_login(refusal)
            return
        await self._enter(proven, account_id)

    async def _ask(self, challenge: bytes) -> bytes:
        self.say(replies.challenge(login.encode(challenge)))
        line = await self.read()
        if isinstance(line, Broken) and line.fatal:
            self.say(replies.bye(line.text))
            raise Gone
        if not isinstance(line, Command) or line.name or len(line.arguments) != 1:
            raise BadSyntax("A response is one string")
        return login.decode(_octets(line.arguments[0]))

    def _refuse_login(self, refusal: Refused) -> None:
        self._failed += 1
        code = login.CODES.get(refusal.reason, b"")
        if self._failed >= MAX_LOGINS:
            self.end(replies.bye(refusal.text, code))
        else:
            self.say(replies.no(refusal.text, code))

    async def _enter(self, proven: login.Proven, account_id: int) -> None:
        """Scripts of the person's own, or of the functional box that they manage and want to act for."""
        person, final = proven.person, proven.final
        if not self._entry.identify(person.account_id):
            self.say(replies.no("Too many connections of this account", b"TRYLATER"))
            return
        self._language = (await self._store.read(stored_preferences.preferences, person.account_id)).reads
        self._person, self._account, self._box = person, account_id, fold_login(proven.claimed)
        self._framer.literal = self._scripts.bounds.size
        self.allowed = IDLE_SECONDS
        self.say(replies.proven(login.encode(final)) if final else replies.ok("Logged in"))

    # ------------------------------------------------------------------ people

    @property
    def _origin(self) -> Origin:
        who = self._person
        assert who is not None
        return Origin(who.login, login.SERVICE, self._entry.peer, who.account_id, who.login_version)

    async def _unauthenticate(self, arguments: Sequence[Argument]) -> None:
        """RFC 5804 section 2.14.1."""
        _expect(arguments)
        self._entry.forget()
        self._person, self._language, self._box, self._account = None, None, "", 0
        self._framer.literal = STRANGER_LITERAL
        self.begin_again(STRANGER_SECONDS)
        self.say(replies.ok("Who are you?"))

    async def _havespace(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments, bytes, int)
        name, size = arguments
        assert isinstance(size, int)
        await self._scripts.check_room(self._account, _text(name), size)
        self.say(replies.ok("There is room"))

    async def _putscript(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments, bytes, bytes)
        name, source = _text(arguments[0]), _octets(arguments[1])
        warnings = await self._scripts.put(self._account, name, source, self._origin)
        log.info("script written", account=self._account, size=len(source))
        self._warned(warnings, "Script stored")

    async def _checkscript(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments, bytes)
        self._warned((await self._scripts.check(self._account, _octets(arguments[0]))).warnings, "Script is right")

    def _warned(self, warnings: Sequence[Text], done: str) -> None:
        said = "\r\n".join(map(self._spoken, warnings))
        self.say(replies.ok(said, b"WARNINGS") if said else replies.ok(done))

    async def _listscripts(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments)
        stored = await self._scripts.listing(self._account)
        self.say(replies.listing((one.name, one.active) for one in stored) + replies.ok())

    async def _setactive(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments, bytes)
        name = _text(arguments[0])
        await self._scripts.activate(self._account, name, self._origin)
        log.info("script active" if name else "no script active", account=self._account)
        self.say(replies.ok("Script is active" if name else "No script is active"))

    async def _getscript(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments, bytes)
        self.say(replies.script(await self._scripts.octets(self._account, _text(arguments[0]))) + replies.ok())

    async def _deletescript(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments, bytes)
        await self._scripts.remove(self._account, _text(arguments[0]), self._origin)
        self.say(replies.ok("Script deleted"))

    async def _renamescript(self, arguments: Sequence[Argument]) -> None:
        _expect(arguments, bytes, bytes)
        await self._scripts.rename(self._account, _text(arguments[0]), _text(arguments[1]), self._origin)
        self.say(replies.ok("Script renamed"))


def _expect(arguments: Sequence[Argument], *kinds: type[Argument]) -> None:
    """Raises BadSyntax unless these are the arguments."""
    if len(arguments) != len(kinds) or not all(map(isinstance, arguments, kinds)):
        raise BadSyntax("These are not the arguments of this command")


def _octets(argument: Argument) -> bytes:
    if not isinstance(argument, bytes):
        raise BadSyntax("A string is needed")
    return argument


def _text(argument: Argument) -> str:
    try:
        return _octets(argument).decode()
    except UnicodeDecodeError:
        raise BadSyntax("Names are UTF-8") from None
