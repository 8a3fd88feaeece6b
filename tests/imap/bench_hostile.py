"""What others wait while one client misbehaves, and what the worker's memory does. Not a test: run it.

    python -m tests.imap.bench_hostile [--messages 100000] [ATTACK ...]

One worker. A patient client says NOOP again and again while each attack runs against the same worker; shown are its
median, 99th percentile and worst wait, the attack's length, the worker's CPU, and by how much its memory (RSS) grew.
"""

import argparse
import contextlib
import socket
import statistics
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.harness import DEMO_PASSWORD, Instance, workers_of

MESSAGE = (
    b"From: Jean Dupont <jd@exemple.fr>\r\nTo: Marie Martin <mm@exemple.fr>\r\nSubject: Conseil de classe\r\n"
    b"Date: Mon, 2 Feb 2026 10:00:00 +0100\r\nMessage-ID: <%d@exemple.fr>\r\n\r\n"
    b"Bonjour,\r\n\r\nLa r\xc3\xa9union est lundi.\r\n"
)
LONGEST = 120
"""Seconds that one attack may take."""
PAUSE = 0.002
PATIENCE = 60


class Client:
    """A blocking client that reads lines."""

    def __init__(self, port: int, login: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")
        try:
            assert self.line().startswith(b"* OK")
            if login:
                self.ok(b"LOGIN %s %s" % (login.encode(), DEMO_PASSWORD.encode()))
        except BaseException:
            self.close()
            raise

    def line(self) -> bytes:
        return self._file.readline()

    def read(self, octets: int) -> bytes:
        return self._file.read(octets)

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def end(self, tag: bytes = b"x") -> bytes:
        """Read up to the tagged line; empty when the connection ended."""
        while (line := self.line()) and not line.startswith(tag + b" "):
            pass
        return line

    def ok(self, command: bytes) -> None:
        self.send(b"x " + command + b"\r\n")
        said = self.end()
        assert said.startswith(b"x OK"), said

    def close(self) -> None:
        self._file.close()
        self.socket.close()


def fill(client: Client, mailbox: bytes, count: int) -> None:
    """So many messages: some appended, the rest copied."""
    first = min(count, 1000)
    client.send(b"x APPEND %s" % mailbox)
    for number in range(first):
        octets = MESSAGE % number
        client.send(b" {%d+}\r\n%s" % (len(octets), octets))
    client.send(b"\r\n")
    assert client.end().startswith(b"x OK")
    client.ok(b"SELECT " + mailbox)
    held = first
    while held < count:
        more = min(held, count - held)
        client.ok(b"COPY 1:%d %s" % (more, mailbox))
        client.ok(b"NOOP")
        held += more


def rss(pid: int) -> float:
    """MiB of the process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no such line")


def cpu(pid: int) -> float:
    """Seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Onlooker(threading.Thread):
    """Says NOOP and measures; watches the worker's memory."""

    def __init__(self, port: int, pid: int) -> None:
        super().__init__(daemon=True)
        self._client = Client(port, "mmartin")
        self._pid = pid
        self.done = threading.Event()
        self.waits: list[float] = []
        self.most = self.first = rss(pid)

    def run(self) -> None:
        while not self.done.is_set():
            start = time.perf_counter()
            self._client.ok(b"NOOP")
            self.waits.append((time.perf_counter() - start) * 1000)
            self.most = max(self.most, rss(self._pid))
            time.sleep(PAUSE)
        self._client.close()


Attack = Callable[[Client, int], None]
ATTACKS: dict[str, Attack] = {}


def attack(function: Attack) -> Attack:
    ATTACKS[function.__name__.replace("_", " ")] = function
    return function


def _drain(client: Client) -> int:
    """Read as fast as possible, in blocks, up to the tagged line; how many octets."""
    tail, count = b"", 0
    while block := client.socket.recv(1 << 20):
        count += len(block)
        tail = (tail + block)[-200:]
        if tail.endswith(b"\r\n") and tail[:-2].rpartition(b"\r\n")[2].startswith(b"x "):
            assert b"\nx OK" in tail, tail
            return count
    raise ConnectionError


@attack
def nothing(client: Client, port: int) -> None:
    time.sleep(2)


@attack
def fetch_everything(client: Client, port: int) -> None:
    client.send(b"x FETCH 1:* (FLAGS UID INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)\r\n")
    assert _drain(client) > 1_000_000


@attack
def fetch_bodies(client: Client, port: int) -> None:
    client.send(b"x FETCH 1:20000 (BODY.PEEK[])\r\n")
    assert _drain(client) > 20_000 * len(MESSAGE)


@attack
def fetch_unread(client: Client, port: int) -> None:
    client.send(b"x FETCH 1:* (ENVELOPE BODY.PEEK[])\r\n")
    time.sleep(4)
    client.close()


@attack
def fetch_unread_compressed(client: Client, port: int) -> None:
    client.ok(b"COMPRESS DEFLATE")
    deflate = zlib.compressobj(wbits=-15)
    client.send(deflate.compress(b"x FETCH 1:* (ENVELOPE BODY.PEEK[])\r\n") + deflate.flush(zlib.Z_SYNC_FLUSH))
    time.sleep(4)
    client.close()


@attack
def million_noops(client: Client, port: int) -> None:
    def write() -> None:
        with contextlib.suppress(OSError):
            for _ in range(100):
                client.send(b"a NOOP\r\n" * 10_000)
            client.send(b"x NOOP\r\n")

    writer = threading.Thread(target=write)
    writer.start()
    _drain(client)
    writer.join()


@attack
def noops_unread(client: Client, port: int) -> None:
    client.socket.settimeout(3)
    with contextlib.suppress(OSError):
        for _ in range(1000):
            client.send(b"a NOOP\r\n" * 10_000)
    client.close()


@attack
def noops_compressed(client: Client, port: int) -> None:
    client.ok(b"COMPRESS DEFLATE")
    deflate = zlib.compressobj(wbits=-15)
    client.send(deflate.compress(b"a NOOP\r\n" * 300_000 + b"x LOGOUT\r\n") + deflate.flush(zlib.Z_SYNC_FLUSH))
    while client.socket.recv(1 << 20):
        pass


@attack
def deflate_bomb(client: Client, port: int) -> None:
    client.ok(b"COMPRESS DEFLATE")
    deflate = zlib.compressobj(wbits=-15)
    block = b"a" * 1_000_000
    bomb = b"".join(deflate.compress(block) for _ in range(1000)) + deflate.flush()
    with contextlib.suppress(OSError):
        client.send(bomb)
        while client.socket.recv(1 << 20):
            pass


@attack
def search_thousand_keys(client: Client, port: int) -> None:
    client.send(b"x SEARCH " + b" ".join([b"UNSEEN", b"NOT FLAGGED", b"1:*"] * 240) + b"\r\n")
    client.end()


@attack
def search_thousand_texts(client: Client, port: int) -> None:
    client.send(b"x SEARCH " + b" ".join(b"OR BODY m%d" % n for n in range(98)) + b" ALL\r\n")
    client.end()
    client.send(b"x SEARCH " + b" ".join(b"NOT TEXT %dz" % n for n in range(400)) + b"\r\n")
    client.end()


@attack
def search_dates(client: Client, port: int) -> None:
    client.send(b"x SEARCH " + b" ".join(b"NOT SENTON %d-Feb-2020" % (n % 28 + 1) for n in range(400)) + b"\r\n")
    client.end()


@attack
def search_many_ranges(client: Client, port: int) -> None:
    ranges = b",".join(b"%d" % n for n in range(1, 20_000, 2))
    client.send(b"x SEARCH " + ranges + b"\r\n")
    client.end()
    client.send(b"x SEARCH " + b" ".join(b"NOT 1:%d" % (n * 97) for n in range(900)) + b" SUBJECT conseil\r\n")
    client.end()


@attack
def or_towers(client: Client, port: int) -> None:
    for _ in range(20):
        client.send(b"x SEARCH " + b"OR SEEN " * 9000 + b"SEEN\r\n")
        client.end()
        client.send(b"x SEARCH " + b"OR SEEN " * 98 + b"UNSEEN\r\n")
        client.end()


@attack
def thread_and_sort(client: Client, port: int) -> None:
    client.send(b"x THREAD REFERENCES UTF-8 ALL\r\n")
    client.end()
    client.send(b"x SORT (SUBJECT FROM ARRIVAL REVERSE DATE SIZE TO CC) UTF-8 ALL\r\n")
    client.end()


@attack
def header_fields(client: Client, port: int) -> None:
    names = b" ".join(b"X-%d" % n for n in range(600))
    sections = b" ".join(b"BODY.PEEK[HEADER.FIELDS (%s X%d)]" % (names, n) for n in range(10))
    client.send(b"x FETCH 1:2000 (" + sections + b")\r\n")
    _drain(client)


@attack
def bad_commands(client: Client, port: int) -> None:
    for _ in range(300):
        one = Client(port)
        one.send(b"x\r\n" * 100)
        while one.socket.recv(65536):
            pass
        one.close()


@attack
def connections(client: Client, port: int) -> None:
    for _ in range(20):
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        for one in crowd:
            one.close()


@attack
def half_sent_logins(client: Client, port: int) -> None:
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    for one in crowd:
        one.sendall(b"a LOGIN edupont {13+}\r\nAcad")
    time.sleep(2)
    for one in crowd:
        one.close()


@attack
def literals_before_login(client: Client, port: int) -> None:
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    long = b"x" * 4000
    for one in crowd:
        one.sendall(b'a ID ("a" {4000+}\r\n%s "b" {4000+}\r\n%s "c" "%s' % (long, long, long * 5))
    time.sleep(2)
    for one in crowd:
        one.close()


@attack
def append_boundary_lookalikes(client: Client, port: int) -> None:
    octets = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n" + b"--y\r\n" * 200_000 + b"--x--\r\n"
    client.ok(b"APPEND Trash {%d+}\r\n%s" % (len(octets), octets))
    client.ok(b"EXAMINE Trash")
    client.send(b"x FETCH * (BODYSTRUCTURE BODY.PEEK[1] BODY.PEEK[TEXT])\r\n")
    client.end()


@attack
def append_combining_marks(client: Client, port: int) -> None:
    octets = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "\u0315\u0300".encode() * 1_000_000
    client.ok(b"APPEND Trash {%d+}\r\n%s" % (len(octets), octets))
    client.ok(b"EXAMINE Trash")
    client.send(b"x SEARCH BODY zzz\r\n")
    client.end()


@attack
def append_hostile_header(client: Client, port: int) -> None:
    head = b"Subject: " + b"=?utf-8?q?=C3=A9?= " * 50_000 + b"\r\n" + b"To: " + b"<@a,@a," * 50_000 + b"\r\n"
    octets = head + b"References: " + b"<a@b> " * 50_000 + b"\r\nContent-Type: a/b" + b" " * 60_000 + b"x\r\n\r\nx\r\n"
    for _ in range(5):
        client.ok(b"APPEND Trash {%d+}\r\n%s" % (len(octets), octets))
    client.ok(b"EXAMINE Trash")
    client.send(b"x FETCH 1:* (ENVELOPE)\r\n")
    client.end()
    client.send(b"x THREAD REFERENCES UTF-8 ALL\r\n")
    client.end()


def run(name: str, instance: Instance) -> str:
    """One attack: its row of the table."""
    port = instance.ports["imap"]
    (pid,) = workers_of(instance)
    client = Client(port, "edupont")
    client.ok(b"SELECT Archive")
    onlooker = Onlooker(port, pid)
    onlooker.start()
    time.sleep(0.1)
    used, start = cpu(pid), time.monotonic()
    assailant = threading.Thread(target=ATTACKS[name], args=(client, port), daemon=True)
    assailant.start()
    assailant.join(LONGEST)
    late = "" if not assailant.is_alive() else " (cut off)"
    spent, used = time.monotonic() - start, cpu(pid) - used
    onlooker.done.set()
    onlooker.join()
    client.close()
    waits = sorted(onlooker.waits)
    return (
        f"| {name}{late} | {statistics.median(waits):.1f} | {waits[int(len(waits) * 0.99)]:.0f} | {waits[-1]:.0f} "
        f"| {spent:.1f} | {used:.1f} | {onlooker.most - onlooker.first:.0f} |"
    )


@contextlib.contextmanager
def served(messages: int) -> Iterator[Instance]:
    """One worker, and so many messages in a mailbox."""
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(Path(folder) / "var")
        instance.init("--demo")
        instance.start("--workers", "1")
        try:
            client = Client(instance.ports["imap"], "edupont")
            with contextlib.suppress(AssertionError):
                client.ok(b"CREATE Archive")
            fill(client, b"Archive", messages)
            client.close()
            yield instance
        finally:
            instance.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=", ".join(ATTACKS))
    parser.add_argument("--messages", type=int, default=100_000)
    arguments = parser.parse_args()
    with served(arguments.messages) as instance:
        print("| attack | NOOP of another, ms: median | p99 | worst | s | worker's CPU s | RSS + MiB |")
        print("|---|---|---|---|---|---|---|")
        for name in arguments.attacks or ATTACKS:
            print(run(name, instance), flush=True)
        print(instance.log_text()[-3000:] if "connection failed" in instance.log_text() else "")


if __name__ == "__main__":
    main()
