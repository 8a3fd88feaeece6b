"""One attempt to hand a message to another server: which one takes it, and what became of each recipient."""

import ssl
from collections.abc import Callable, Sequence

import structlog
from aiosmtplib import SMTPException

from mailserver.foundation.settings import Outbound
from mailserver.store.queue.spool import Leased
from mailserver.texts.causes import NOTHING, Cause
from smtp.relay.connecting import Dialler
from smtp.relay.routing import Exchanger
from smtp.relay.tls.handshake import TlsFailed, described
from smtp.relay.transfer import Transfer
from smtp.relay.verdicts import Verdict

log = structlog.get_logger("relay")


class Unreachable(Exception):
    """No server of the domain would talk to us; the text says what the last one did."""


class Courier:
    """Hands messages over. One per worker."""

    def __init__(self, name: str, outbound: Outbound, trust: ssl.SSLContext | None = None) -> None:
        self._dialler = Dialler(name, outbound, trust)

    async def send(
        self, exchangers: Sequence[Exchanger], row: Leased, octets: bytes, is_ours: Callable[[], bool]
    ) -> list[Verdict]:
        """Try the exchangers in order until one takes or refuses something. `is_ours`: nobody else can be at it now.

        Raises Unreachable, LeaseOver.
        """
        problem = NOTHING
        put_off: list[Verdict] = []
        for exchanger in exchangers:
            try:
                transfer = await self._try(exchanger, row, octets, is_ours)
            except (SMTPException, OSError) as error:
                problem = Cause("server-said", server=exchanger.name, said=described(error))
                log.info("server not reached", host=exchanger.name, address=exchanger.address, why=problem)
                continue
            if transfer.is_final:
                return transfer.verdicts
            put_off = transfer.verdicts
        if put_off:
            return put_off
        raise Unreachable(problem)

    async def _try(self, exchanger: Exchanger, row: Leased, octets: bytes, is_ours: Callable[[], bool]) -> Transfer:
        """One server, at the best level of TLS that works. Raises SMTPException, OSError: not reached."""
        for level in exchanger.demand.levels:
            try:
                async with self._dialler.connected(exchanger, level) as client:
                    transfer = Transfer(client, exchanger.name, row, octets, is_ours)
                    await transfer.run()
                    return transfer
            except TlsFailed as error:
                if level is exchanger.demand.least:
                    raise
                log.info("tls failed, going on with less", host=exchanger.name, level=level.name, why=str(error))
        raise AssertionError("the least level fails by an error")
