"""One message's checks as a whole: a fault in one of them decides nothing for a stranger."""

from collections.abc import Callable, Iterable, Sequence

import pytest

from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import Settings
from mailserver.inbound.authentication import arc_check, lookups
from mailserver.inbound.authentication import check as authenticating
from mailserver.inbound.authentication.check import Arrival, Authenticator, Verified
from mailserver.model.messages.authentication import Alignment, Chain
from tests.inbound.authentication.name_server import NameServer
from tests.inbound.authentication.signers import KEY, MESSAGE, record, seal, sign


def unreadable() -> Iterable[bytes]:
    raise RuntimeError("a fault")


async def check(
    resolver: Resolver,
    octets: bytes,
    reverse_path: str,
    dmarc: str = "apply",
    body: Callable[[], Iterable[bytes]] = unreadable,
    sealers: Sequence[str] = (),
) -> Verified:
    authentication = {"dmarc": dmarc, "trusted_sealers": sealers}
    settings = Settings.model_validate({"domain": "ac-exemple.fr", "authentication": authentication})
    header = octets.partition(b"\r\n\r\n")[0] + b"\r\n"
    arrival = Arrival("192.0.2.1", "mx.e.fr", reverse_path, header, body, len(octets))
    authenticator = Authenticator(settings, resolver)
    try:
        return await authenticator.check(arrival)
    finally:
        await authenticator.close()


async def test_a_chain_holds_or_not_whoever_sealed_it_and_is_believed_of_who_is_trusted(
    resolver: Resolver, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 8617 sections 5.2 and 9.6: what the arithmetic says, and what follows from it, are two things."""
    names["s._domainkey.liste.fr", "TXT"] = [record(KEY)]
    names["_dmarc.a.fr", "TXT"] = [b"v=DMARC1; p=reject"]
    octets = seal(MESSAGE, b"liste.fr", "dmarc=pass header.from=a.fr")

    def body() -> Iterable[bytes]:
        return [octets.partition(b"\r\n\r\n")[2]]

    found = await check(resolver, octets, "eve@e.fr", body=body, sealers=["autre.fr"])
    assert (found.results.arc, found.results.dmarc, found.refuses) == (Chain.PASS, Alignment.FAIL, True)
    found = await check(resolver, octets, "eve@e.fr", body=body, sealers=["liste.fr"])
    assert (found.results.arc, found.results.dmarc, found.refuses) == (Chain.PASS, Alignment.EXCUSED, False)
    monkeypatch.setattr(authenticating, "MAX_STRANGE_SETS", 0)
    found = await check(resolver, octets, "eve@e.fr", body=body)
    assert (found.results.arc, arc_check.results_of(found.field, "arc")) == (Chain.NONE, set()), (
        "of strangers' long chains nothing"
    )


async def test_a_policy_that_could_not_be_asked_for_is_not_got_round(
    resolver: Resolver, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever keeps this server busy with questions has mail come again later."""
    names["_dmarc.a.fr", "TXT"] = [b"v=DMARC1; p=reject"]
    assert not (await resolver.look_up("there.fr", "TXT")).records
    names.moods["_dmarc.a.fr"] = "silent"
    monkeypatch.setattr(lookups, "SECONDS", 0.0)
    busy = await check(resolver, MESSAGE, "eve@e.fr")
    assert (busy.defers, busy.results.dmarc) == (True, Alignment.TEMPERROR)


async def test_a_fault_of_ours_opens_nothing(resolver: Resolver, names: NameServer) -> None:
    names["a.fr", "TXT"] = [b"v=spf1 ip4:192.0.2.1 -all"]
    names["_dmarc.a.fr", "TXT"] = [b"v=DMARC1; p=reject"]
    names["s._domainkey.a.fr", "TXT"] = [record(KEY)]
    forged = await check(resolver, sign(MESSAGE), "eve@e.fr")
    assert (forged.defers, forged.refuses, forged.results.dmarc) == (True, False, Alignment.TEMPERROR)
    assert b"dmarc=temperror" in forged.field
    good = await check(resolver, sign(MESSAGE), "ada@a.fr")
    assert (good.defers, good.refuses, good.results.dmarc) == (False, False, Alignment.PASS)
    noted = await check(resolver, sign(MESSAGE), "eve@e.fr", "note")
    assert (noted.defers, noted.refuses) == (False, False)
