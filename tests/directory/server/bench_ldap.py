"""Our LDAP server and OpenLDAP beside one another, over the wire, on the same people of an invented academy.

    python -m tests.directory.server.bench_ldap [--people 330000]

Both are filled with the same entries (ours by batches into the store, slapd by slapadd -q with the indexes a
careful administrator makes), then asked the same questions in one run: one worker of ours, slapd as it comes.
The client is another process that only splits answers into messages, so that what is measured is the server.
"""

import argparse
import asyncio
import base64
import datetime
import gc
import multiprocessing
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import uvloop
from sqlalchemy import create_engine

import directory.server
from directory.entries.tree import Tree
from directory.people.embedded import EmbeddedDirectory
from directory.server.reading import entries
from directory.server.wire import ber, messages
from mailserver.foundation.changes import Changes
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import make_certificate, write_secret
from mailserver.login import Login
from mailserver.model.clock import SystemClock
from mailserver.model.folding import search_key
from mailserver.model.identity import Affiliation, Tie
from mailserver.runtime.app import SWITCH_INTERVAL
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import affiliations, bulk_people, claims, people, schools, vocabulary_entries
from mailserver.store.people.bulk_people import Known
from mailserver.store.people.schools import Facts
from mailserver.store.people.search.conditions import Everything
from tests.directory import slapd
from tests.directory.slapd import Slapd
from tests.schema import create_schema

DOMAIN, BASE, ADMIN = "ac-exemple.fr", slapd.BASE, slapd.ADMIN
BATCH = 1000
SYLLABLES = (
    *("mar", "tin", "ber", "nard", "du", "pont", "le", "roy", "mo", "reau", "si", "mon", "lau", "rent", "fe", "vre"),
    *("mi", "chel", "gar", "cia", "da", "vid", "tho", "mas", "ro", "bert", "ri", "chard", "pe", "tit", "du", "rand"),
    *("gi", "rard", "an", "dre", "mer", "cier", "blan", "chet", "gue", "rin", "bou", "vier", "fau", "cher", "hen"),
)
GIVEN = (
    *("Emma", "Louise", "Jade", "Alice", "Chloé", "Léa", "Inès", "Zoé", "Manon", "Camille", "Hélène", "Sarah"),
    *("Gabriel", "Louis", "Raphaël", "Jules", "Adam", "Hugo", "Léo", "Paul", "Jean", "Jean-Pierre", "Émile", "Noël"),
)
INDEXES = """
index objectClass,entryUUID,modifyTimestamp eq
index uid,mail,acadAddress,cn,sn,givenName,displayName eq,pres,sub
index employeeType,acadUAI,acadClass,acadGroup,acadFunction,acadDisciplineCode,o eq
index eduPersonAffiliation,eduPersonPrincipalName,supannEntiteAffectation,supannAliasLogin eq
index member,acadAccountId eq
"""


# ---------------------------------------------------------------------------- an academy that does not exist


def surname(rng: random.Random) -> str:
    """Names with the statistics of names: a few are everybody's, most are rare."""
    if rng.random() < 0.3:
        return rng.choice(("Martin", "Bernard", "Dubois", "Thomas", "Robert", "Petit", "Durand", "Leroy", "Moreau"))
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((2, 2, 3, 3, 4)))).capitalize()


def invented(count: int, rng: random.Random) -> Iterator[Known]:
    """People with their ties, numbered from 1: nine pupils for one grown-up, as in an academy."""
    uais = [f"021{number:04d}A" for number in range(max(2, count // 200))]
    taken: dict[str, int] = {}
    for number in range(1, count + 1):
        given, family = rng.choice(GIVEN), surname(rng)
        local = search_key(f"{given}.{family}").replace(" ", "-")
        login = search_key(given[0] + family)
        for name in (local, login):
            taken[name] = taken.get(name, -1) + 1
        local += str(taken[local] or "")
        login += str(taken[login] or "")
        uai = rng.choice(uais)
        pupil = number % 10 != 0
        classes = [f"{level}{letter}" for level in (3, 4, 5, 6) for letter in "ABCD"]
        if pupil:
            ties = [Affiliation(Tie.CLASS, rng.choice(classes), uai), Affiliation(Tie.GROUP, f"GR{number % 20}", uai)]
        else:
            ties = [Affiliation(Tie.FUNCTION, "ENS", uai), Affiliation(Tie.DISCIPLINE, f"L{number % 90:04d}", uai)]
            ties += [Affiliation(Tie.CLASS, code, uai) for code in rng.sample(classes, 5)]
        yield Known(
            *(number, login, "not-activated", 0, 0, None, None, None, "", 0, 0, 0, "aaf", str(number), 0, "", True),
            *(given, family, "pupil" if pupil else "teacher", uai, "" if pupil else "Mathématiques"),
            *("Mme" if number % 2 else "M.", 0, "", f"{local}@{DOMAIN}", f"{login}@{DOMAIN}"),
            affiliations=affiliations.canonical(ties),
        )


def fill(tx: Tx, batch: Sequence[Known]) -> None:
    """One unit of people with everything that belongs to them."""
    bulk_people.reserve(tx, len(batch))
    bulk_people.add_accounts(tx, batch)
    bulk_people.add_entries(tx, [(known, "") for known in batch])
    names = {known.login: known.account_id for known in batch}
    names |= {name: known.account_id for known in batch for name in (known.address, known.aliases)}
    claims.take_many(tx, names.items())
    found = {affiliation.uai for known in batch for affiliation in known.affiliations}
    schools.upsert(tx, [Facts(uai, f"Collège {uai}", "CLG", "PU", "", "21000", "Dijon", "0380000000") for uai in found])
    vocabulary_entries.ensure_many(
        tx, vocabulary_entries.terms_of(affiliation for known in batch for affiliation in known.affiliations)
    )


def instance(folder: Path) -> Settings:
    """What our door needs to run."""
    for name in ("data/blobs", "secrets"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    if not (folder / "secrets" / "hmac").exists():
        write_secret(folder / "secrets" / "ldap-admin", slapd.PASSWORD.encode())
        write_secret(folder / "secrets" / "hmac", b"k" * 32)
    return Settings(domain=DOMAIN, directory=folder)


def fill_ours(folder: Path, count: int) -> None:
    settings = instance(folder)
    create_schema(settings.database_url, settings.data)
    store = Store(settings.database_url, settings.data, SystemClock(), Changes(), readers=1)
    started, batch = time.perf_counter(), list[Known]()
    for known in invented(count, random.Random(7)):
        batch.append(known)
        if len(batch) == BATCH:
            store.write_now(fill, batch)
            batch = []
    store.write_now(fill, batch) if batch else None
    size = os.path.getsize(folder / "data" / "mail.db") >> 20
    print(f"ours: {count} people written in {time.perf_counter() - started:.0f} s, {size} MiB", flush=True)
    store.close()
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    engine.dispose()


def ldif(folder: Path, store: Store) -> Iterator[str]:
    """Everything of the embedded directory as slapadd takes it."""
    tree = Tree(BASE, DOMAIN)
    known = {one.uai: one for one in store.read_now(schools.listing)}
    yield slapd.ROOT.strip() + "\n\n"
    for school in known.values():
        yield record(tree.structure(school.facts).dn, tree.structure(school.facts).attributes)
    after = 0
    while page := store.read_now(people.matching, Everything(), 1000, after):
        ties = store.read_now(affiliations.of, [row.account_id for row in page])
        for row in page:
            person = entries.person_of(row, known[row.uai].name, ties.get(row.account_id, ()))
            entry = tree.person(person)
            yield record(entry.dn, entry.attributes)
        after = page[-1].account_id


OPERATIONAL = frozenset({"entryDN", "entryUUID", "structuralObjectClass", "hasSubordinates", "subschemaSubentry"})


def record(dn: str, attributes: Mapping[str, Sequence[str]]) -> str:
    lines = [f"dn:: {base64.b64encode(dn.encode()).decode()}"]
    for name, values in attributes.items():
        if name not in OPERATIONAL:
            for value in values:
                plain = value.isascii() and value[0] not in " :<"
                lines.append(f"{name}: {value}" if plain else f"{name}:: {base64.b64encode(value.encode()).decode()}")
    return "\n".join(lines) + "\n\n"


def fill_theirs(server: Slapd, folder: Path) -> None:
    settings = instance(folder)
    store = Store(settings.database_url, settings.data, SystemClock(), Changes(), readers=1)
    server.prepare()
    conf = server.folder / "slapd.conf"
    text = conf.read_text().replace("maxsize 67108864", "maxsize 8589934592").replace("dbnosync\n", "")
    conf.write_text("\n".join(line for line in text.splitlines() if not line.startswith("index ")) + INDEXES)
    path = server.folder / "all.ldif"
    with path.open("w") as out:
        for entry in ldif(folder, store):
            out.write(entry)
    store.close()
    started = time.perf_counter()
    subprocess.run(["/usr/sbin/slapadd", "-q", "-f", str(conf), "-l", str(path)], check=True, capture_output=True)
    size = sum(one.stat().st_blocks * 512 for one in (server.folder / "data").iterdir()) >> 20
    print(f"slapd: slapadd -q took {time.perf_counter() - started:.0f} s, {size} MiB", flush=True)
    path.unlink()


# ---------------------------------------------------------------------------- our server, in a process of its own


async def serve(folder: Path) -> None:
    settings = instance(folder)
    now = datetime.datetime.now(datetime.UTC)
    if not settings.certificate.exists():
        make_certificate(settings.certificate, settings.private_key, ["ldap.ac-exemple.fr"], now)
    clock, changes = SystemClock(), Changes()
    changes.attach(asyncio.get_running_loop(), lambda: 0)
    store = Store(settings.database_url, settings.data, clock, changes)
    adapter = EmbeddedDirectory(settings=settings, store=store, clock=clock)
    login = Login(settings=settings, store=store, directory=adapter, clock=clock, changes=changes)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    await directory.server.start(
        settings=settings,
        store=store,
        directory=adapter,
        login=login,
        certificate=Certificate(settings.certificate, settings.private_key),
        sockets={"ldap": [sock]},
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as mailserver.runtime.app does
    print(sock.getsockname()[1], flush=True)
    await asyncio.Event().wait()


# ---------------------------------------------------------------------------- the client


class Client:
    """Asks, and counts the messages of the answer; understands as little of them as it can."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kept = b""
        bind = (ber.integer(3), ber.octets(ADMIN), ber.octets(slapd.PASSWORD, 0x80))
        self._socket.sendall(ber.sequence((ber.integer(1), ber.sequence(bind, messages.Tag.BIND))))
        assert self._answer()[1].find(b"\x0a\x01\x00") >= 0

    def search(self, wanted: bytes, attributes: Sequence[str], page: int = 0, cookie: bytes = b"") -> tuple[int, bytes]:
        """How many entries, and the cookie of the next page."""
        body = (
            *(ber.octets(BASE), ber.integer(2, ber.ENUMERATED), ber.integer(0, ber.ENUMERATED), ber.integer(0)),
            *(ber.integer(0), ber.boolean(False), wanted, ber.sequence([ber.octets(name) for name in attributes])),
        )
        parts = [ber.integer(2), ber.sequence(body, messages.Tag.SEARCH)]
        if page:
            value = ber.sequence((ber.integer(page), ber.octets(cookie)))
            control = ber.sequence((ber.octets(messages.PAGED_RESULTS), ber.octets(value)))
            parts.append(ber.sequence((control,), 0xA0))
        self._socket.sendall(ber.sequence(parts))
        count, last = self._answer()
        if not page:
            return count, b""
        at = last.index(messages.PAGED_RESULTS.encode()) + len(messages.PAGED_RESULTS)
        reader = ber.Reader(last[at + 2 :]).inside()
        reader.integer()
        return count, reader.octets()

    def _answer(self) -> tuple[int, bytes]:
        """Messages before the last one, and that."""
        octets, at, count = self._kept, 0, 0
        while True:
            have = len(octets) - at
            if have >= 8:
                first = octets[at + 1]
                head = 2 if first < 0x80 else 2 + (first & 0x7F)
                length = first if first < 0x80 else int.from_bytes(octets[at + 2 : at + head], "big")
                if have >= head + length:
                    # The message's number is small: two octets of tag and length, one of value.
                    tag = octets[at + head + 3]
                    end = at + head + length
                    if tag in (0x65, 0x61):
                        self._kept = octets[end:]
                        return count, octets[at:end]
                    count += 1
                    at = end
                    continue
            octets, at = octets[at:] + self._socket.recv(1 << 20), 0

    def close(self) -> None:
        self._socket.close()


def equality(attribute: str, value: str) -> bytes:
    return ber.sequence((ber.octets(attribute), ber.octets(value)), 0xA3)


def containing(attribute: str, value: str) -> bytes:
    return ber.sequence((ber.octets(attribute), ber.sequence((ber.octets(value, 0x81),))), 0xA4)


def any_of(*items: bytes) -> bytes:
    return ber.element(0xA1, b"".join(items))


def all_of(*items: bytes) -> bytes:
    return ber.element(0xA0, b"".join(items))


EVERYBODY = ber.octets("objectClass", 0x87)
Question = Callable[[Known], bytes]


def book(text: str) -> bytes:
    """What Thunderbird asks while somebody types."""
    return any_of(*(containing(name, text) for name in ("cn", "mail", "sn", "givenName", "displayName")))


def middle(text: str) -> str:
    folded = search_key(text)
    return folded[1:5] if len(folded) >= 5 else folded


def start(text: str) -> bytes:
    piece = ber.sequence((ber.octets(search_key(text)[:4], 0x80),))
    return any_of(*(ber.sequence((ber.octets(name), piece), 0xA4) for name in ("cn", "mail", "sn", "displayName")))


QUESTIONS: tuple[tuple[str, int, Question], ...] = (
    ("by uid", 1500, lambda one: equality("uid", one.login)),
    ("by mail", 1500, lambda one: equality("mail", one.address)),
    ("by whole name", 300, lambda one: equality("cn", f"{one.given_name} {one.surname}")),
    ("substring of a name, 4 letters", 150, lambda one: containing("cn", middle(one.surname))),
    ("whole rare surname in a name", 150, lambda one: containing("cn", one.surname.lower())),
    ("address book (5 substrings)", 100, lambda one: book(one.surname.lower())),
    ("typed beginning (4 prefixes)", 100, lambda one: start(one.surname)),
    (
        "a class of a school",
        200,
        lambda one: equality("acadClass", f"{one.uai}${next(t.code for t in one.affiliations if t.kind is Tie.CLASS)}"),
    ),
    (
        "teachers of a school",
        100,
        lambda one: all_of(equality("employeeType", "teacher"), equality("acadUAI", one.uai)),
    ),
)


def measure(clients: dict[str, Client], sample: Sequence[Known]) -> None:
    print(f"\n{'':34}" + "".join(f"{name:>34}" for name in clients))
    print(f"{'':34}" + f"{'median ms':>12}{'p99 ms':>10}{'entries':>12}" * len(clients))
    for label, count, question in QUESTIONS:
        row = f"{label:34}"
        for client in clients.values():
            client.search(question(sample[-1]), ("cn", "mail"))
            times, found = [], 0
            for known in sample[:count]:
                began = time.perf_counter()
                got, _ = client.search(question(known), ("cn", "mail"))
                times.append(1000 * (time.perf_counter() - began))
                found += got
            times.sort()
            row += f"{statistics.median(times):12.2f}{times[len(times) * 99 // 100]:10.2f}{found / count:12.1f}"
        print(row, flush=True)
    for label, attributes in (("paged dump, all attributes", ("*",)), ("paged dump, cn and mail", ("cn", "mail"))):
        row = f"{label:34}"
        for client in clients.values():
            began, cookie, found = time.perf_counter(), b"", 0
            while True:
                got, cookie = client.search(EVERYBODY, attributes, 1000, cookie)
                found += got
                if not cookie:
                    break
            took = time.perf_counter() - began
            row += f"{took:10.1f} s{found / took:10.0f}/s{found:12}"
        print(row, flush=True)


def beside_a_dump(clients: dict[str, tuple[Client, Client]], sample: Sequence[Known]) -> None:
    """How long one client waits for a person while another reads everybody, unpaged."""
    row = f"{'by uid while another dumps':34}"
    for quick, dumping in clients.values():
        # A process of its own, so that what waits is the answer and not our turn.
        reading = multiprocessing.get_context("fork").Process(target=dumping.search, args=(EVERYBODY, ("*",)))
        reading.start()
        times = list[float]()
        while reading.is_alive():
            known = sample[len(times) % len(sample)]
            began = time.perf_counter()
            quick.search(equality("uid", known.login), ("cn", "mail"))
            times.append(1000 * (time.perf_counter() - began))
            time.sleep(0.005)
        dumping.close()
        times.sort()
        row += f"{statistics.median(times):12.2f}{times[len(times) * 99 // 100]:10.2f}{f'max {times[-1]:.1f}':>12}"
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="keep what was filled here, and use it again")
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--without-slapd", action="store_true")
    options = parser.parse_args()
    if options.serve:
        sys.setswitchinterval(SWITCH_INTERVAL)
        uvloop.run(serve(options.serve))
        return
    with tempfile.TemporaryDirectory() as temporary:
        run(options.folder or Path(temporary), options.people, not options.without_slapd)


def run(folder: Path, count: int, beside: bool) -> None:
    if not (folder / "ours").exists():
        fill_ours(folder / "ours", count)
    theirs = Slapd(folder / "slapd")
    if beside and not theirs.folder.exists():
        fill_theirs(theirs, folder / "ours")
    everybody = list(invented(count, random.Random(7)))
    sample = random.Random(3).sample(everybody, min(2000, count))
    command = [sys.executable, "-m", "tests.directory.server.bench_ldap", "--serve", str(folder / "ours")]
    clients: dict[str, Client] = {}
    ours = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert ours.stdout is not None
        clients["ours"] = Client(int(ours.stdout.readline()))
        if beside:
            theirs.start()
            clients["slapd"] = Client(theirs.port)
        measure(clients, sample)
        beside_a_dump({name: (client, Client(client.port)) for name, client in clients.items()}, sample)
    finally:
        for client in clients.values():
            client.close()
        ours.terminate()
        ours.wait(20)
        assert ours.stdout is not None
        ours.stdout.close()
        theirs.stop()


if __name__ == "__main__":
    main()
