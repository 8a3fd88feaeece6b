"""The listening ports of an instance: each bound once for every worker, or found to be in use."""

import errno
import socket

from mailserver.foundation.settings import Listen

BACKLOG = 4096


class CannotServe(Exception):
    """A port, a right or another server is in the way; the text is one line."""


def ports(listen: Listen) -> dict[str, int]:
    """Door name -> port; 0 leaves a door closed."""
    return {name: port for name, port in listen.model_dump().items() if name != "address" and port}


def bind(listen: Listen, *, shared: bool) -> dict[str, socket.socket]:
    """Bind every port. Raises CannotServe naming the port and the reason."""
    found: dict[str, socket.socket] = {}
    for name, port in ports(listen).items():
        address = "127.0.0.1" if name == "http" else listen.address
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        # Named, because asyncio sets TCP_NODELAY only where the protocol is: without, what follows the first part of
        # an answer waits up to 40 ms for the peer's delayed acknowledgement.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            sock.bind((address, port))
            if shared:
                sock.listen(BACKLOG)
                sock.setblocking(False)
        except OSError as error:
            sock.close()
            for other in found.values():
                other.close()
            raise CannotServe(_why(name, address, port, error)) from None
        found[name] = sock
    return found


def _why(name: str, address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} ({name}) is in use on {address}: another server runs there, or set listen.{name}"
    if error.errno == errno.EACCES:
        return (
            f"port {port} ({name}) needs a right this user does not have; use a port above 1023 or CAP_NET_BIND_SERVICE"
        )
    return f"port {port} ({name}) on {address}: {error.strerror}"


def check_free(listen: Listen) -> None:
    """Raises CannotServe unless nobody listens on any of our ports."""
    for sock in bind(listen, shared=False).values():
        sock.close()
