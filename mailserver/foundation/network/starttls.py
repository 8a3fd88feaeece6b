"""A connection in the clear is turned into TLS, and nobody is forgotten when that fails.

The loop gives the transport to a protocol of its own for the handshake. That a peer is gone meanwhile is told to that
one alone, and no `connection_lost` ever reaches ours: its connection would be counted for ever.
"""

import asyncio
import ssl


async def start_tls(
    loop: asyncio.AbstractEventLoop,
    transport: asyncio.Transport,
    protocol: asyncio.Protocol,
    context: ssl.SSLContext,
    seconds: float,
) -> asyncio.Transport:
    """The transport under TLS. Raises OSError, ssl.SSLError: the connection is cut then, and the protocol has heard of
    it, perhaps more than once."""
    try:
        made = await loop.start_tls(transport, protocol, context, server_side=True, ssl_handshake_timeout=seconds)
        if made is None:
            raise ConnectionResetError
    except (OSError, ssl.SSLError) as error:
        transport.abort()
        protocol.connection_lost(error)
        raise
    return made
