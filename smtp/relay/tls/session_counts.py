"""How TLS sessions with the servers of other domains ended, counted for the reports that these get (RFC 8460)."""

from collections.abc import Iterable

from mailserver.model.sending import tls_sessions
from mailserver.model.sending.mta_sts import Mode, Policy
from mailserver.model.sending.tls_sessions import Published, Session
from mailserver.reports.tally import SessionTally
from smtp.relay.routing import Exchanger
from smtp.relay.tls.demand import Level
from smtp.relay.tls.handshake import TlsFailed
from smtp.relay.tls.tlsa import Tlsa

NOTHING = Published()


class SessionCounts:
    """Those of one relay. What only we demand, and the domain does not, fails on no account of its own."""

    def __init__(self, tally: SessionTally) -> None:
        self._tally = tally

    async def close(self) -> None:
        """Write what was counted."""
        await self._tally.close()

    def connected(self, domain: str, exchanger: Exchanger, level: Level, *, encrypted: bool) -> None:
        """A session begins, at a level or, where a server offers none, in the clear.

        One that goes on with less than was tried first has been counted as failed.
        """
        if exchanger.published is not None and level is exchanger.demand.best:
            result = "" if encrypted else tls_sessions.NO_STARTTLS
            self._note(domain, exchanger, exchanger.published, result)

    def failed(self, domain: str, exchanger: Exchanger, level: Level, error: TlsFailed) -> None:
        """There is no TLS of a level."""
        published = exchanger.published
        if published is None or level is not exchanger.demand.best:
            return
        is_ours = published.kind == tls_sessions.NO_POLICY and level > Level.ENCRYPTED
        if not is_ours or error.result == tls_sessions.NO_STARTTLS:
            self._note(domain, exchanger, published, error.result)

    def unfit(self, domain: str, policy: Policy, exchangers: Iterable[Exchanger]) -> None:
        """A policy names none of the servers."""
        for one in exchangers:
            self._note(domain, one, of_policy(policy), tls_sessions.FAILED)

    def unknown(self, domain: str, exchangers: Iterable[Exchanger]) -> None:
        """Records of DANE cannot be found out."""
        for one in exchangers:
            self._note(domain, one, Published(tls_sessions.TLSA), tls_sessions.DNSSEC_INVALID)

    def not_fetched(self, domain: str, result: str) -> None:
        """A policy that is announced cannot be had, or is none."""
        self._tally.note(Session(domain, Published(tls_sessions.STS), result))

    def _note(self, domain: str, exchanger: Exchanger, published: Published, result: str) -> None:
        if result:
            self._tally.note(Session(domain, published, result, exchanger.name, exchanger.address, exchanger.source))
        else:
            self._tally.note(Session(domain, published))


def of_policy(policy: Policy) -> Published:
    """An MTA-STS policy as reports say it."""
    lines = ("version: STSv1", f"mode: {policy.mode.value}", *(f"mx: {one}" for one in policy.exchangers))
    return Published(tls_sessions.STS, (*lines, f"max_age: {policy.max_age}"), policy.exchangers)


def published(policy: Policy | None, exchanger: Exchanger) -> Published:
    """What a domain asks of TLS with one of its servers."""
    if exchanger.demand.best is Level.DANE:
        return Published(tls_sessions.TLSA, tuple(map(_text, exchanger.demand.records)))
    return of_policy(policy) if policy is not None and policy.mode is not Mode.NONE else NOTHING


def _text(record: Tlsa) -> str:
    return f"{record.usage} {record.selector} {record.matching} {record.data.hex()}"
