"""Whether the relays of the settings take us in, and whether this machine has the addresses that mail leaves from."""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import ip_address

from aiosmtplib import SMTPException

from mailserver.foundation.network import smarthosts
from mailserver.foundation.network.smarthosts import LoginRefused, NotProven
from mailserver.foundation.settings import OutboundRelay, Security, Settings
from mailserver.operations.health.findings import Finding, Grade
from mailserver.texts.text import Text, Untranslated

SECONDS = 15.0
"""For one address, login included."""
MOST_ADDRESSES = 6
MOST_RELAYS = 64
AT_ONCE = 8

_HOW = {
    Security.OFFERED: Text("sans exiger TLS"),
    Security.REQUIRED: Text("par STARTTLS, certificat vérifié"),
    Security.IMPLICIT: Text("par TLS, certificat vérifié"),
}


def examine_smarthosts(settings: Settings) -> Iterator[Finding]:
    """Nothing is sent: each is greeted, proven, logged in to, and left."""
    yield from _sources(settings)
    relays = {(one.host, one.login, one.source): one for one in settings.outbound.all_relays if one.host}
    chosen = list(relays.values())[:MOST_RELAYS]
    if not chosen:
        return
    for relay, findings in zip(chosen, asyncio.run(_all_tried(settings, chosen)), strict=True):
        if findings:
            yield from findings
            continue
        how = _HOW[relay.security]
        text = Text("le relais {host} nous prend ({how})", host=relay.host, how=how)
        if relay.login:
            text = Text(
                "le relais {host} prend notre login {login} ({how})", host=relay.host, login=relay.login, how=how
            )
        yield Finding("outbound", Grade.OK, text)


async def _all_tried(settings: Settings, relays: list[OutboundRelay]) -> list[list[Finding]]:
    room = asyncio.Semaphore(AT_ONCE)

    async def tried(relay: OutboundRelay) -> list[Finding]:
        async with room:
            return await _tried(settings, relay)

    return list(await asyncio.gather(*map(tried, relays)))


async def _tried(settings: Settings, relay: OutboundRelay) -> list[Finding]:
    """What is wrong with a relay, at each of its addresses."""
    try:
        async with asyncio.timeout(SECONDS):
            rows = await asyncio.get_running_loop().getaddrinfo(relay.name, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:  # no host name
        said = Untranslated(getattr(error, "strerror", None) or type(error).__name__)
        text = Text("le relais {host} n’a pas d’adresse : {said}", host=relay.host, said=said)
        return [Finding("outbound", Grade.PROBLEM, text, Text("vérifiez [outbound] relays, smarthost et routes"))]
    addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))[:MOST_ADDRESSES]
    reachable = [one for one in addresses if smarthosts.source_for(settings, relay, one) is not None]
    if not reachable:
        text = Text("le relais {host} n’a pas d’adresse de la famille de [outbound] source", host=relay.host)
        return [Finding("outbound", Grade.PROBLEM, text, Text("vérifiez [outbound] source"))]
    found = [await _faults(settings, relay, address) for address in reachable]
    return [finding for finding in found if finding is not None]


async def _faults(settings: Settings, relay: OutboundRelay, address: str) -> Finding | None:
    where = relay.host if address == relay.name else f"{relay.host} ({address})"
    try:
        async with asyncio.timeout(SECONDS):
            await _enter(settings, relay, address)
    except LoginRefused as error:
        text = Text(
            "le relais {host} refuse notre login {login} : {said}", host=where, login=relay.login, said=str(error)
        )
        return Finding("outbound", Grade.PROBLEM, text, Text("vérifiez login et password_file : le courrier attend"))
    except NotProven as error:
        text = Text("le relais {host} ne prouve pas qui il est : {said}", host=where, said=str(error))
        return Finding("outbound", Grade.PROBLEM, text, Text("vérifiez son nom, tls et ca_file : le courrier attend"))
    except (SMTPException, OSError, TimeoutError) as error:
        text = Text("le relais {host} ne répond pas : {said}", host=where, said=str(error) or type(error).__name__)
        return Finding("outbound", Grade.PROBLEM, text, Text("vérifiez son port, le pare-feu et [outbound] source"))
    return None


async def _enter(settings: Settings, relay: OutboundRelay, address: str) -> None:
    source = smarthosts.source_for(settings, relay, address) or ""
    client = await smarthosts.client_for(settings, relay, address, relay.port, source)
    async with smarthosts.closing(client):
        await client.connect(timeout=SECONDS)
        await smarthosts.greet(client)
        await smarthosts.enter(client, settings, relay)


def _sources(settings: Settings) -> Iterator[Finding]:
    """An address that another machine took over, or that no interface has yet."""
    named = {*settings.outbound.source, *settings.outbound.source_names}
    named.update(source for relay in settings.outbound.relays for source in relay.source)
    for source in sorted(named):
        family = socket.AF_INET6 if ip_address(source).version == 6 else socket.AF_INET
        try:
            with socket.socket(family) as probe:
                probe.bind((source, 0))
        except OSError as error:
            said = Untranslated(error.strerror or str(error))
            text = Text("rien ne peut partir de {source} : {said}", source=source, said=said)
            yield Finding("outbound", Grade.PROBLEM, text, Text("donnez cette adresse à la machine ou changez source"))
