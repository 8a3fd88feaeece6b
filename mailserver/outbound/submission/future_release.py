"""Messages that a mail program submits for later (FUTURERELEASE, RFC 4865): they wait beside the letters that are
planned in the web, where their author changes their time, takes them back as drafts, or sends them at once.

What a message gives away is asked about when it is submitted, or when it leaves if all of it stayed in the academy
until then; who may write as whom to whom, and viruses, then and once
more when it leaves; how much its author may send, only when it leaves.
"""

import asyncio
import json
from collections.abc import Callable
from functools import partial

import structlog

from mailserver.delivery import Delivery
from mailserver.foundation.settings import Settings
from mailserver.mime.header import addresses, header_limit, headers
from mailserver.mime.writing import fields
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.clock import Clock
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.queue import outbox, traces
from mailserver.store.queue.held.unconfirmed import Submitted
from mailserver.store.queue.outbox import FromProgram, Terms
from mailserver.store.queue.traces import Step, Trace

log = structlog.get_logger("submit")

FIELD = "X-Web-Letter"
"""Of a draft: what the form knows of it, as JSON (`webui.compose.message.drafts`)."""
_TOLD = frozenset(("to", "cc", "bcc"))


class FutureRelease:
    """Lets them wait. One per worker."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._clock = clock

    async def keep(
        self, submitted: Submitted, octets: bytes, within: Callable[[Tx], None] | None, *, looked_at: bool
    ) -> None:
        """Until it is due; `within` runs in the same unit. `looked_at`: its author was asked about what it gives away.

        Raises Refused(LIMIT), what `within` raises, Temporary.
        """
        final = await self._delivery.prepare(octets)
        known = _known(submitted, octets)
        draft = await self._delivery.prepare(known + octets) if known else None
        quota = messages.Quota.of(self._settings.limits)
        token = self._clock.token(32)
        unit = partial(_keep, submitted=submitted, token=token, quota=quota, within=within, looked_at=looked_at)
        async with self._delivery.discarding(final, draft):
            unused = await self._store.write(unit, final=final, draft=draft)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._store.blobs, file)
        log.info("waits for its time", id=submitted.name, account=submitted.account_id, due=submitted.due)


def _keep(
    tx: Tx,
    *,
    submitted: Submitted,
    token: bytes,
    final: blobs.Prepared,
    draft: blobs.Prepared | None,
    quota: messages.Quota,
    within: Callable[[Tx], None] | None,
    looked_at: bool,
) -> list[str]:
    if within is not None:
        within(tx)
    recipients = [target.address for target in submitted.targets]
    terms = Terms(
        submitted.reverse_path,
        tuple(recipients),
        copy_box=0 if submitted.keeps_copy else -1,
        looked_at=looked_at,
        program=FromProgram(
            submitted.name,
            submitted.trace.decode("ascii", "replace"),
            submitted.ret,
            submitted.envid,
            submitted.utf8,
            submitted.require_tls,
            tuple((target.address, int(target.notify), target.orcpt) for target in submitted.targets),
        ),
    )
    traces.record(
        tx,
        Trace(
            *(Step.HELD, submitted.name, submitted.reverse_path, recipients, final.size, submitted.account_id),
            message_id=final.scan.message_id,
        ),
    )
    return outbox.hold_submitted(tx, submitted.account_id, token, final, draft, terms, submitted.due, quota)


def _known(submitted: Submitted, octets: bytes) -> bytes:
    """Fields for the draft of what no other field says: whoever takes the message back finds it in the form."""
    required = fields.field(FIELD, json.dumps({"require_tls": True})) if submitted.require_tls else b""
    return required + _blind(submitted, octets)


def _blind(submitted: Submitted, octets: bytes) -> bytes:
    """A field for the draft with the recipients whom no field names: who takes the message back sees them."""
    end = header_limit.end(octets, len(octets))
    named = {
        person.address.casefold()
        for field in headers.fields(octets, 0, end)
        if field.name in _TOLD
        for person in addresses.people(addresses.parse(headers.as_text(octets[field.value : field.end])))
    }
    blind = [target.address for target in submitted.targets if target.address.casefold() not in named]
    return fields.addresses("Bcc", [Correspondent("", address) for address in blind]) if blind else b""
