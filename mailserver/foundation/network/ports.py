"""The listening ports of an instance. Their sockets are the supervisor's: workers inherit them, and so does the next
supervisor, so that connections wait where otherwise they would be refused, or reset with the socket they wait at.

Ports that we bind have one socket for each worker (SO_REUSEPORT: the kernel spreads connections). Those that systemd
binds have one, which all workers share.
"""

import contextlib
import errno
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import structlog

from mailserver.foundation.settings import Listen

log = structlog.get_logger("ports")

BACKLOG = 4096


class CannotServe(Exception):
    """A port, a right or another server is in the way; the text is one line."""


class NoRight(CannotServe):
    """A port below 1024, which systemd may open for us all the same."""


@dataclass(frozen=True, slots=True)
class Port:
    """One address of one door."""

    name: str
    sockets: list[socket.socket]
    is_given: bool = False
    """Somebody else bound it and says where it is: systemd."""

    def place(self) -> tuple[str, int]:
        """Address and port."""
        address, port = self.sockets[0].getsockname()[:2]
        return _normal(address), port

    def of(self, index: int, count: int) -> list[socket.socket]:
        """The sockets at which one of so many workers accepts."""
        own = [sock for number, sock in enumerate(self.sockets) if number % count == index]
        return own or [self.sockets[index % len(self.sockets)]]

    def turn_away(self, index: int, count: int) -> None:
        """This one will not accept for a while: leave new connections to the others, whose sockets are their own.

        A socket that has listened cannot go back among others; a new one takes its place, which listens once a worker
        does.
        """
        if self.is_given or len(self.sockets) < count:
            return
        for number in range(index, len(self.sockets), count):
            old = self.sockets[number]
            with contextlib.suppress(OSError):
                self.sockets[number] = _bound(old.family, old.getsockname()[:2], shared=True)
                old.close()

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


def ports(listen: Listen) -> dict[str, int]:
    """Door name -> port; 0 leaves a door closed."""
    return {name: port for name, port in listen.model_dump().items() if name != "address" and port}


def gather(listen: Listen, count: int, found: Sequence[Port] = ()) -> list[Port]:
    """The ports for so many workers: those found that are wanted, the others bound. Raises CannotServe."""
    wanted = {name: _place(listen, name) for name in ports(listen)}
    kept = []
    for port in found:
        if port.name in wanted and (port.is_given or port.place() == wanted[port.name]):
            _check_given(port, wanted[port.name])
            kept.append(port)
        else:
            if port.is_given:
                log.warning("a socket is not used", name=port.name, why="no door of this name is open in [listen]")
            port.close()
    missing = [name for name in wanted if name not in {port.name for port in kept}]
    _check_free(listen, missing)
    return kept + [Port(name, [_bind(listen, name, shared=True) for _ in range(count)]) for name in missing]


def check_free(listen: Listen) -> None:
    """Raises CannotServe unless nobody listens on any of our ports."""
    _check_free(listen, ports(listen).keys())


def _check_free(listen: Listen, names: Collection[str]) -> None:
    """SO_REUSEPORT would let a second instance in: each port is bound without it first, all at the same time."""
    bound: list[socket.socket] = []
    without_right: NoRight | None = None
    try:
        for name in names:
            try:
                bound.append(_bind(listen, name, shared=False))
            except NoRight as problem:  # another port may be taken, which is worse
                without_right = without_right or problem
    finally:
        for sock in bound:
            sock.close()
    if without_right is not None:
        raise without_right


def _bind(listen: Listen, name: str, *, shared: bool) -> socket.socket:
    """Raises CannotServe naming the port and the reason."""
    address, port = _place(listen, name)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return _bound(family, (address, port), shared=shared)
    except OSError as error:
        kind = NoRight if error.errno == errno.EACCES else CannotServe
        raise kind(_why(name, address, port, error)) from None


def _bound(family: int, place: tuple[str, int], *, shared: bool) -> socket.socket:
    # Named, because asyncio sets TCP_NODELAY only where the protocol is: without, what follows the first part of
    # an answer waits up to 40 ms for the peer's delayed acknowledgement.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind(place)
    except OSError:
        sock.close()
        raise
    return sock


def _check_given(port: Port, wanted: tuple[str, int]) -> None:
    """Raises CannotServe for the door in clear where others could reach it."""
    if not port.is_given:
        return
    address, number = port.place()
    if port.name == "http" and not ip_address(address).is_loopback:
        raise CannotServe(f"the socket http is at {address}: this door is in clear, and open to this machine alone")
    if number != wanted[1]:
        log.warning("a socket is elsewhere than the settings say", name=port.name, port=number, setting=wanted[1])


def _place(listen: Listen, name: str) -> tuple[str, int]:
    return _normal("127.0.0.1" if name == "http" else listen.address), ports(listen)[name]


def _normal(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def _why(name: str, address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} ({name}) is in use on {address}: another server runs there, or set listen.{name}"
    if error.errno == errno.EACCES:
        return (
            f"port {port} ({name}) needs a right this user does not have: let systemd open it (mailserver.socket),"
            " or use a port above 1023 or CAP_NET_BIND_SERVICE"
        )
    return f"port {port} ({name}) on {address}: {error.strerror}"
