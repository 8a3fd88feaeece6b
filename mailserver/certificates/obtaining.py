"""Obtaining a certificate, once for all workers and hosts: under a lease, into the store, from there into place."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import structlog

from mailserver.certificates import dns_hook, schedule
from mailserver.certificates.faults import Fault, NotObtained
from mailserver.certificates.files import Files, public_half
from mailserver.certificates.proofs import Proof, new_key
from mailserver.certificates.sealed import Seal
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.foundation.tls import Pair, is_ours, judge, read_pair
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.store.engine.transactions import Store
from mailserver.store.upkeep import certificates
from mailserver.store.upkeep.certificates import Obtained
from mailserver.texts.text import Text

if TYPE_CHECKING:
    from mailserver.certificates.authority import Authority

log = structlog.get_logger("certificates")
T = TypeVar("T")

STEP_SECONDS = 300
"""Longer than the authority takes for one step; a lease is prolonged before each."""
ANSWERED_SECONDS = 900
"""How long tokens are answered when whoever published them cannot take them back."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the store has."""

    row: Obtained
    pair: Pair | None
    """None: there is none, or its key was sealed under another secret."""
    next_key: bytes | None


class Obtaining:
    """Of one process."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._files = Files(settings)

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts that a certificate is wanted for."""
        return self._settings.acme.names or (self._settings.name,)

    async def held(self) -> Held:
        """What the store has. Raises SettingsError, Temporary."""
        row = await self._store.read(certificates.get)
        if not row.number and row.next_key is None:
            return Held(row, None, None)
        seal = Seal(self._settings)
        key = seal.open(row.key)
        pair = judge(row.chain.encode(), key, is_proven=True) if key else None
        return Held(row, pair, seal.open(row.next_key))

    # ------------------------------------------------------------------ a certificate

    async def try_staging(self) -> None:
        """Everything but the end of it, with the authority's staging directory: nothing is kept. Raises NotObtained."""
        await self._ask(new_key(), 0)

    async def obtain(self, *, due_only: bool = False, fresh_key: bool = False) -> Pair:
        """A new certificate into the store; the one before serves on until it is installed.

        `due_only`: not before the next attempt's time. `fresh_key`: for a key that nobody has, not even announced
        ahead, whatever the settings say. Raises NotObtained, which is on record then unless somebody
        else is at it; Temporary.
        """
        lease = await self._store.write(certificates.take_lease, STEP_SECONDS, due_only=due_only)
        if not lease:
            raise NotObtained(Fault.BUSY)
        try:
            pair, next_key = await self._obtain(lease, fresh_key=fresh_key)
        except NotObtained as problem:
            await self._failed(lease, problem)
            raise
        except (Temporary, asyncio.CancelledError, KeyboardInterrupt):
            with contextlib.suppress(Exception):
                await self._store.write(certificates.release, lease)
            raise
        except Exception as error:
            # Nobody foresaw it: asked again at once it would come again, and the authority counts.
            log.exception("obtaining a certificate failed")
            unforeseen = NotObtained(Fault.UNREACHABLE, type(error).__name__)
            await self._failed(lease, unforeseen)
            raise unforeseen from error
        seal = Seal(self._settings)
        kept = await self._store.write(
            certificates.keep,
            lease,
            chain=pair.chain.decode(),
            key=seal.close(pair.key),
            next_key=None if next_key is None else seal.close(next_key),
            renew=schedule.renewal(pair, self._chance()),
        )
        if not kept:
            raise NotObtained(Fault.BUSY)
        log.info("certificate obtained", names=sorted(pair.names), ends=pair.ends.isoformat())
        return pair

    async def _obtain(self, lease: int, *, fresh_key: bool) -> tuple[Pair, bytes | None]:
        """The certificate, and the key of the one after it where that is to be another. Raises NotObtained."""
        try:
            held = await self.held()
            key = new_key() if fresh_key else self._key(held)
            chain = await self._ask(key, lease, held.row.chain)
            pair = judge(chain.encode(), key)
        except SettingsError as error:
            raise NotObtained(Fault.UNUSABLE, str(error)) from None
        # Of the time the authority knows more than a clock of ours that jumped.
        if not pair.names.issuperset(self.names):
            raise NotObtained(Fault.UNUSABLE, ", ".join(sorted(pair.names)))
        return pair, None if self._settings.acme.reuse_key else new_key()

    def _key(self, held: Held) -> bytes:
        """The key of the next certificate: the one of now, or one that was announced ahead."""
        if not self._settings.acme.reuse_key and held.next_key is not None:
            return held.next_key
        if held.pair is not None:
            return held.pair.key
        current = read_pair(self._settings.certificate, self._settings.private_key)
        # That of `init` was never published; another one may stand in a DANE record.
        return new_key() if is_ours(self._settings.certificate, current.chain) else current.key

    async def _failed(self, lease: int, problem: NotObtained) -> None:
        row = await self._store.read(certificates.get)
        pause = schedule.pause(row.failures + 1, self._chance())
        await self._store.write(certificates.fail, lease, problem.fault.value, problem.detail, pause)
        log.warning(
            "certificate not obtained", fault=problem.fault.value, why=problem.detail, failures=row.failures + 1
        )

    async def _ask(self, key: bytes, lease: int, before: str = "") -> str:
        """Go through all of it; without a lease with the staging directory. `before`: the certificate that it is to
        replace. Raises NotObtained, Temporary."""
        async with self._session(staging=not lease) as session:
            await session.call(session.authority.enter)
            await self._go_on(lease)
            proofs = await session.call(session.authority.order, key, self.names, before)
            async with self._published(proofs, lease):
                await self._go_on(lease)
                await session.call(session.authority.prove)
            await self._go_on(lease)
            return await session.call(session.authority.issue)

    async def _go_on(self, lease: int, seconds: int = STEP_SECONDS) -> None:
        if lease and not await self._store.write(certificates.prolong, lease, seconds):
            raise NotObtained(Fault.BUSY)

    @contextlib.asynccontextmanager
    async def _session(self, *, staging: bool = False) -> "AsyncIterator[_Session]":
        """An authority, asked in a thread of its own: those of the loop have other things to do than to wait."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="acme")
        try:
            authority = await asyncio.get_running_loop().run_in_executor(pool, _authority, self._settings, staging)
            try:
                yield _Session(authority, pool)
            finally:
                pool.submit(authority.close)
        finally:
            pool.shutdown(wait=False)

    @contextlib.asynccontextmanager
    async def _published(self, proofs: Sequence[Proof], lease: int) -> AsyncIterator[None]:
        """What shows that names are ours stands where the authority looks."""
        terms = self._settings.acme
        if terms.challenge == "http-01":
            answers = {proof.token: proof.answer for proof in proofs}
            await self._store.write(certificates.publish, answers, ANSWERED_SECONDS)
            try:
                yield
            finally:
                await self._store.write(certificates.withdraw, answers)
            return
        done: list[Proof] = []
        try:
            for proof in proofs:
                await self._go_on(lease, STEP_SECONDS + terms.hook_seconds)
                done.append(proof)
                await dns_hook.call(terms, dns_hook.Act.SET, proof)
            yield
        finally:
            for proof in done:
                try:
                    await dns_hook.call(terms, dns_hook.Act.CLEAN, proof)
                except NotObtained as problem:  # what was proved is proved
                    log.warning("record not taken away", name=proof.name, why=problem.detail)

    # ------------------------------------------------------------------ when the next one

    async def ask_when(self) -> None:
        """Ask the authority when it wants the renewal (RFC 9773), once for all. Raises NotObtained, Temporary."""
        held = await self.held()
        if held.pair is None:
            return
        lease = await self._store.write(certificates.take_lease, STEP_SECONDS, due_only=True)
        if not lease:
            return
        renew, again = held.row.renew, float(schedule.ASK_SECONDS)
        try:
            async with self._session() as session:
                wanted, again = await session.call(session.authority.wanted_renewal, held.row.chain)
            if wanted is not None:
                renew = min(int(wanted), schedule.latest(held.pair))
        finally:
            await self._store.write(certificates.plan, lease, renew, schedule.asked_early(again))
        if renew != held.row.renew:
            log.info("certificate's renewal moved", by="the authority", renew=renew)

    # ------------------------------------------------------------------ on this host

    async def install(self) -> bool:
        """Put what the store has in place on this host, unless it was. Raises OSError, SettingsError, Temporary."""
        held = await self.held()
        held = await self._with_next_key(held)
        public = None if held.next_key is None else public_half(held.next_key)
        await asyncio.to_thread(self._files.announce, public)
        if not held.row.number or self._files.has(held.row.number, held.row.chain):
            return False
        if held.pair is None:
            raise SettingsError(Text("la clé du certificat est scellée sous un autre secret : demandez-en un nouveau"))
        await asyncio.to_thread(self._files.install, held.row.number, held.row.chain, held.pair.key)
        log.info("certificate in place", number=held.row.number, ends=held.pair.ends.isoformat())
        return True

    async def _with_next_key(self, held: Held) -> Held:
        """With a key for the next certificate, made ahead, where it is to be another one; without where it is not."""
        wanted = not self._settings.acme.reuse_key
        if not held.row.number or wanted == (held.row.next_key is not None):
            return held
        sealed = Seal(self._settings).close(new_key()) if wanted else None
        await self._store.write(certificates.keep_next_key, held.row.number, sealed)
        return await self.held()

    def _chance(self) -> float:
        return int.from_bytes(self._clock.token(2)) / 65536


@dataclass(frozen=True, slots=True)
class _Session:
    authority: "Authority"
    pool: ThreadPoolExecutor

    async def call(self, work: Callable[..., T], *args: object) -> T:
        """In its thread, which ends then, too, whatever the authority does. Raises NotObtained."""
        seconds = STEP_SECONDS - 10
        self.authority.end_within(seconds)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self.pool, work, *args)
        except TimeoutError:
            raise NotObtained(Fault.LATE) from None


def _authority(settings: Settings, staging: bool) -> "Authority":
    """The library is read here, in a thread, and only where it is used."""
    from mailserver.certificates.authority import Authority

    return Authority(settings, staging=staging)
