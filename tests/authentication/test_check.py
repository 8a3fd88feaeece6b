"""One message's checks as a whole: a fault in one of them decides nothing for a stranger."""

from collections.abc import Iterable

from mailserver.authentication.check import Arrival, Authenticator, Verified
from mailserver.foundation.resolver import Resolver
from mailserver.foundation.settings import Settings
from mailserver.model.messages.authentication import Alignment
from tests.authentication.name_server import NameServer
from tests.authentication.signers import KEY, MESSAGE, record, sign


def unreadable() -> Iterable[bytes]:
    raise RuntimeError("a fault")


async def check(resolver: Resolver, octets: bytes, reverse_path: str, dmarc: str = "apply") -> Verified:
    settings = Settings.model_validate({"domain": "ac-exemple.fr", "authentication": {"dmarc": dmarc}})
    header = octets.partition(b"\r\n\r\n")[0] + b"\r\n"
    arrival = Arrival("192.0.2.1", "mx.e.fr", reverse_path, header, unreadable, len(octets))
    return await Authenticator(settings, resolver).check(arrival)


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
