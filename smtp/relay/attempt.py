"""One attempt to hand a message to another server: which one takes it, and what became of each recipient."""

import ssl
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from aiosmtplib import SMTPException

from mailserver.foundation.network.smarthosts import LoginRefused
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.store.queue.spool import Leased
from mailserver.texts.causes import NOTHING, Cause
from smtp.relay.connecting import Dialler
from smtp.relay.failures import described
from smtp.relay.pool import Connection, Pool, Way
from smtp.relay.reachability import Reachability
from smtp.relay.routing import Exchanger
from smtp.relay.seven_bit import Message
from smtp.relay.tls import required
from smtp.relay.tls.handshake import TlsFailed
from smtp.relay.tls.memory import TlsMemory
from smtp.relay.tls.session_counts import SessionCounts
from smtp.relay.transfer import MaySend, Transfer
from smtp.relay.verdicts import Result, Verdict, same_for_all

log = structlog.get_logger("relay")


class Unreachable(Exception):
    """No server of the domain would talk to us; the text says what the last one did."""


class Sent(NamedTuple):
    """What became of a message."""

    verdicts: list[Verdict]
    seconds: float = 0.0
    """That the server took for it, greeted and all."""


class Courier:
    """Hands messages over. One per relay."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        memory: TlsMemory,
        sessions: SessionCounts,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._sessions = sessions
        self._outbound = settings.outbound
        self._memory = memory
        self._pool = Pool(Dialler(settings, trust), clock)
        self._reachability = Reachability(clock)

    def forget(self) -> None:
        """Every server is tried again, whatever it did."""
        self._reachability.forget()

    async def stop(self) -> None:
        """Close what is kept."""
        await self._pool.empty()

    async def send(
        self,
        exchangers: Sequence[Exchanger],
        row: Leased,
        message: Message,
        may_send: MaySend,
    ) -> Sent:
        """Try the exchangers in order until one takes or refuses something. `may_send`: asked before more of it goes.

        Raises Unreachable, LeaseOver.
        """
        problem = NOTHING
        put_off: Sent | None = None
        unmet: Sent | None = None
        for exchanger in self._reachability.ordered(exchangers):
            if put_off is not None and self._reachability.is_away(exchanger):
                continue
            try:
                transfer = await self._try(exchanger, row, message, may_send)
            except required.Unmet as error:
                log.info("server does not do what the sender requires", host=exchanger.name, why=error.why)
                unmet = Sent(same_for_all(row, Result.FAILED, error.status, error.why, exchanger.name))
                continue
            except (SMTPException, OSError) as error:
                problem = Cause("server-said", server=exchanger.name, said=described(error))
                self._lost(exchanger, error, problem)
                continue
            self._reachability.found(exchanger)
            sent = Sent(transfer.verdicts, transfer.seconds)
            if transfer.is_final:
                return sent
            put_off = sent
        if put_off is not None:
            return put_off
        if unmet is not None and not problem:
            return unmet
        raise Unreachable(problem)

    def _lost(self, exchanger: Exchanger, error: Exception, why: Cause) -> None:
        """A refused login is the operator's to mend: mail waits for it."""
        is_login = isinstance(error, LoginRefused)
        self._reachability.lost(exchanger, login=is_login)
        if is_login:
            log.error("relay refuses our login", host=exchanger.name, port=exchanger.port, why=why)
        else:
            log.info("server not reached", host=exchanger.name, address=exchanger.address, why=why)

    async def _try(self, exchanger: Exchanger, row: Leased, message: Message, may_send: MaySend) -> Transfer:
        """One server, at the best level of TLS that works. Raises SMTPException, OSError: not reached."""
        for level in exchanger.demand.levels:
            try:
                return await self._hand_over((exchanger, level), row, message, may_send)
            except TlsFailed as error:
                self._sessions.failed(row.domain, exchanger, level, error)
                if row.require_tls and (lack := required.unmet(error)) is not None:
                    raise lack from None
                if level is exchanger.demand.least:
                    await self._memory.lose(row.domain, exchanger)
                    raise
                log.info("tls failed, going on with less", host=exchanger.name, level=level.name, why=str(error))
        raise AssertionError("the least level fails by an error")

    async def _hand_over(self, way: Way, row: Leased, message: Message, may_send: MaySend) -> Transfer:
        """Over a connection that was kept, or over a new one where the other server had done with it."""
        while True:
            connection = await self._pool.take(way)
            encrypted = connection.client.get_transport_info("ssl_object") is not None
            if not connection.is_reused:
                self._sessions.connected(row.domain, *way, encrypted=encrypted)
            if row.require_tls:
                self._check_required(connection)
            transfer = Transfer(
                connection,
                way[0].name,
                row,
                message,
                may_send,
                self._outbound.timeout,
                chunking=self._outbound.chunking,
            )
            try:
                if encrypted:  # not afterwards: between the other's 250 and our record of it nothing is waited for
                    await self._memory.note(row.domain, way[0])
                await transfer.run()
            except BaseException:
                self._pool.drop(connection)
                raise
            if transfer.is_stale:
                self._pool.drop(connection)
                continue
            connection.messages += 1
            if transfer.may_go_on:
                self._pool.put_back(connection)
            else:
                self._pool.drop(connection)
            return transfer

    def _check_required(self, connection: Connection) -> None:
        """Raises Unmet; the connection is good for other messages."""
        try:
            required.promised(connection.way[0], connection.client)
        except required.Unmet:
            self._pool.put_back(connection)
            raise
