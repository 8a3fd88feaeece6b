"""Ports for servers that tests start, in any number of processes at once.

Each process owns a block of ports below those that the kernel gives to outgoing connections: a server that is killed
and started again finds its ports free, whatever ran meanwhile. (A port of the kernel's own choice may be the near end
of anybody's connection a moment later, and a probe of it may even connect to itself.)
"""

import os
import socket

BLOCK = 400
"""Ports of one process."""
BLOCKS = range(12_000, 32_000, BLOCK)
"""Linux gives 32768 and above to those who only connect."""


class _Block:
    """What this process owns: an abstract name, which only one has in a network, wherever it writes its files."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.given = 0
        for self.first in BLOCKS:
            named = socket.socket(socket.AF_UNIX)
            try:
                named.bind(f"\0mailserver-ports-{self.first}")
            except OSError:
                named.close()
            else:
                named.detach()  # open until the process ends
                return
        raise RuntimeError("every block of ports belongs to another process")

    def next(self) -> int:
        self.given += 1
        return self.first + self.given % BLOCK


_block: _Block | None = None


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody uses; each comes again only after all others of this process."""
    global _block
    if _block is None or _block.process != os.getpid():
        _block = _Block()
    for port in (_block.next() for _ in range(BLOCK)):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
            try:
                sock.bind((address, port))
            except OSError:
                continue
            return port
    raise RuntimeError("all ports of this process are in use")
