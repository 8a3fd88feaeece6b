"""What an idle connection costs: memory (PSS) of the whole service, per connection, in clear and under TLS.

    python -m tests.imap.bench_idle [--connections 10000] [--compress]

Not a test: run it. One worker; each connection logs in, selects INBOX and says IDLE; they are counted when all of them
are quiet. Marks: 19 KiB in clear, 64 KiB under TLS, 10,000 at once. The server starts with the usual soft limit of file
handles (1,024) and has to raise it itself; for 10,000 the hard limit must leave room, here and there.
"""

import argparse
import resource
import socket
import ssl
import statistics
import tempfile
import time
import zlib
from pathlib import Path

from tests.harness import DEMO_PASSWORD, Instance, workers_of
from tests.imap.bench_hostile import cpu

PEOPLE = ("edupont", "mmartin")
USUAL = 1024
"""The soft limit of file handles that programs are started with."""
WARM = 100
"""Connections before those that count: what the first ones load stays loaded."""
SETTLE_SECONDS = 5
PATIENCE = 60


def pss(pid: int) -> int:
    """KiB of a process, what it shares counted in shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError("no such line")


def connect(port: int, context: ssl.SSLContext | None, login: str, *, compress: bool) -> socket.socket:
    """A connection that idles in INBOX."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    sock = context.wrap_socket(plain) if context else plain
    _until(sock, b"\r\n")
    sock.sendall(b"a LOGIN %s %s\r\nb SELECT INBOX\r\n" % (login.encode(), DEMO_PASSWORD.encode()))
    said = _until(sock, b"\r\nb ")
    assert b"b OK" in said, said
    if compress:
        sock.sendall(b"c COMPRESS DEFLATE\r\n")
        _until(sock, b"c OK")
        deflate = zlib.compressobj(wbits=-15)
        sock.sendall(deflate.compress(b"d IDLE\r\n") + deflate.flush(zlib.Z_SYNC_FLUSH))
        sock.recv(4096)
    else:
        sock.sendall(b"d IDLE\r\n")
        _until(sock, b"+ ")
    return sock


def _until(sock: socket.socket, mark: bytes) -> bytes:
    """Read until this was said, up to the end of its line."""
    said = b""
    while mark not in said or not said.endswith(b"\r\n"):
        block = sock.recv(16384)
        if not block:
            raise ConnectionError(said)
        said += block
    return said


def measure(count: int, *, secure: bool, compress: bool) -> str:
    """A row of the table."""
    context = None
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(Path(folder) / "var")
        instance.init("--demo")
        instance.configure(f"[limits]\nconnections_per_account = {count + WARM}\n")
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (USUAL, hard))
        instance.start("--workers", "1")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        try:
            port = instance.ports["imaps" if secure else "imap"]
            pids = [instance.pid, *workers_of(instance)]

            def crowd(size: int) -> list[socket.socket]:
                return [
                    connect(port, context, PEOPLE[number % len(PEOPLE)], compress=compress) for number in range(size)
                ]

            for sock in crowd(WARM):
                sock.close()
            time.sleep(SETTLE_SECONDS)
            before = sum(map(pss, pids))
            used, started = cpu(pids[1]), time.monotonic()
            held = crowd(count)
            seconds, used = time.monotonic() - started, cpu(pids[1]) - used
            time.sleep(SETTLE_SECONDS)
            after = sum(map(pss, pids))
            quiet = cpu(pids[1])
            time.sleep(SETTLE_SECONDS)
            quiet = (cpu(pids[1]) - quiet) / SETTLE_SECONDS
            wait = _noops(instance.ports["imap"])
            for sock in held:
                sock.close()
            name = ("TLS" if secure else "clear") + (" compressed" if compress else "")
            return (
                f"| {name} | {count} | {(after - before) / count:.1f} | {before / 1024:.0f} / {after / 1024:.0f} "
                f"| {seconds:.1f} ({used:.1f}) | {quiet * 1000:.0f} | {wait:.2f} |"
            )
        finally:
            instance.stop()


def _noops(port: int) -> float:
    """Milliseconds, the median, of one more client's NOOP beside them."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        _until(sock, b"\r\n")
        waits = []
        for _ in range(200):
            start = time.perf_counter()
            sock.sendall(b"n NOOP\r\n")
            _until(sock, b"n OK")
            waits.append((time.perf_counter() - start) * 1000)
        return statistics.median(waits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--compress", action="store_true", help="also connections that compress")
    arguments = parser.parse_args()
    print("| connections | how many | PSS KiB each | PSS MiB before / with | all idling after s (CPU s) ", end="")
    print("| CPU ms a second | NOOP beside, ms |\n|---|---|---|---|---|---|---|")
    for compress in (False, True) if arguments.compress else (False,):
        for secure in (False, True):
            print(measure(arguments.connections, secure=secure, compress=compress), flush=True)


if __name__ == "__main__":
    main()
