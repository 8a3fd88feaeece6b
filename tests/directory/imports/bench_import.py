"""How long an import takes, how much memory, and how fast identifiers are issued. Not a test: run it.

    python -m tests.directory.imports.bench_import --people 330000 [--engine postgresql] [--openldap] [--issuing]

Makes a CSV of an academy with realistic homonyms (seeded, so that two runs read the same file), imports it from nothing
by the command that an operator uses, then a file of 2,000 changes, then the whole file with 2,000 changed under
`--full`, then takes that back. Meanwhile it writes to the store as mail would and says how long that waited.
`bench_intake` shows CSV and AAF in one table.
"""

import argparse
import contextlib
import itertools
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from directory.issuing import enrolment
from directory.issuing.enrolment import Academy
from directory.issuing.identifiers import uai_letter
from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.identity import NewPerson, Role
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from tests.directory.imports.measuring import LIMIT, Figures, heading, instance, markdown, measure, openldap, swept
from tests.directory.slapd import Slapd
from tests.postgres import Postgres
from tests.schema import create_schema

HEADER = "given_name,surname,birth_date,role,numen,ine,uai,discipline,title,functions,classes,recovery_address\n"
CHANGES = 2000


def _words(text: str) -> list[str]:
    return text.split()


GIVEN = _words(
    """
    Emma Jade Louise Alice Chloé Lina Rose Anna Léa Mila Inès Ambre Julia Manon Camille Sarah Zoé Eva Lucie
    Juliette Léna Agathe Jeanne Nina Charlotte Lola Romane Sofia Margaux Clara Gabriel Léo Raphaël Arthur
    Louis Lucas Adam Jules Hugo Maël Ethan Liam Paul Nathan Sacha Tom Noah Mohamed Théo Nolan Timéo Enzo
    Aaron Axel Antoine Victor Martin Yanis Robin Valentin Marie Nathalie Isabelle Sylvie Catherine Françoise
    Martine Christine Valérie Sandrine Jean Philippe Michel Alain Patrick Nicolas Christophe Pierre Laurent
    Stéphane Éric David Frédéric Olivier Jean-Pierre Marie-Claude Anne-Sophie Jean-Baptiste
    """
)
FAMILY = _words(
    """
    Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux
    David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefèvre Faure
    André Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin Robin Clément
    Morin Nicolas Henry Roussel Mathieu Gautier Masson Marchand Duval Denis Dumont Marie Lemaire Noël Meyer
    Dufour Meunier Brun Blanchard Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud Martínez Gérard
    Roche Renard Schmitt Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud Dumas Lacroix
    Olivier Philippe Bourgeois Pierre Benoît Rey Leclerc Payet Rolland Leclercq Guillaume Lecomte Lopez Jean
    Dupuy Guillot Hubert Berger Carpentier Sanchez Dupuis Moulin Louis Deschamps Huet Vasseur Perez Boucher
    Fleury Royer Klein Jacquet Adam Paris Poirier Marty Aubry Guyot Carré Charles Renault Charpentier Ménard
    Maillard Baron Bertin Bailly Hervé Schneider Fernandez Le-Gall Collet Léger Bouvier Julien Prévost Millet
    Perrot Daniel Le-Roux Cousin Germain Breton Besson Langlois Rémy Le-Goff
    """
)
SYLLABLES = _words(
    """
    ba be bo chau de du fa gi gue la le li lou ma mi mo na ne pa pe ra ri ro sa se ta te vi
    """
)
DISCIPLINES = _words(
    """
    Mathématiques Français Anglais Histoire-géographie EPS SVT Physique-chimie Espagnol Musique
    """
)


def surnames(chance: random.Random) -> tuple[list[str], list[float]]:
    """Some 40,000 surnames; the first are as frequent as in France (Martin: one in 270), the tail is long."""
    rare = {"".join(chance.choice(SYLLABLES) for _ in range(chance.randint(2, 4))).capitalize() for _ in range(40_000)}
    names = [*FAMILY, *sorted(rare)]
    weights = [3.7 / (1 + rank / 12) for rank in range(len(FAMILY))]
    left = 1000 - sum(weights)
    weights += [left / (len(names) - len(FAMILY))] * (len(names) - len(FAMILY))
    return names, list(itertools.accumulate(weights))


def people(count: int) -> Iterator[list[str]]:
    """The lines of the file: one in eleven is staff, the others pupils of some 1,600 schools."""
    chance = random.Random(20261125)
    names, cumulated = surnames(chance)
    schools = max(1, count * 1600 // 330_000)
    uais = [f"{21 + number % 3 * 37:03}{number:04}" for number in range(schools)]
    uais = [digits + uai_letter(digits) for digits in uais]
    given_weights = list(itertools.accumulate(1 / (3 + rank) for rank in range(len(GIVEN))))
    for number in range(count):
        given = chance.choices(GIVEN, cum_weights=given_weights)[0]
        family = chance.choices(names, cum_weights=cumulated)[0]
        uai = uais[number % schools]
        year = 2008 + number % 11
        day = f"{1 + chance.randrange(28):02}/{1 + chance.randrange(12):02}/"
        if number % 11 == 0:
            numen = f"{number % 33 + 1:02}E{number % 34:02}{number % 100_000:05}" + "".join(
                chance.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(3)
            )
            role = "secretariat" if number % 220 == 0 else "teacher"
            private = f"{number}@exemple.org" if number % 3 == 0 else ""
            classes = "|".join(f"{3 + at}{'ABCD'[chance.randrange(4)]}" for at in range(4)) if role == "teacher" else ""
            yield [
                *(given, family, f"{day}{1960 + number % 40}", role, numen, "", uai),
                *(DISCIPLINES[number % len(DISCIPLINES)], "Mme" if number % 2 else "M."),
                *("ENS" if role == "teacher" else "ADF", classes, private),
            ]
        else:
            ine = f"{number:09}{'ABCDEFGHJK'[number % 10]}{'ABCDEFGHJK'[number // 10 % 10]}"
            grade = f"{3 + number % 4}{'ABCDEF'[number % 6]}"
            yield [
                given,
                family,
                f"{day}{year}",
                "pupil",
                "",
                ine,
                uai,
                "",
                "",
                "",
                f"{grade}={grade[0]}e {grade[1]}",
                "",
            ]


def change(line: list[str], number: int) -> list[str]:
    """What the next night says otherwise."""
    changed = list(line)
    if number % 4 == 0:
        changed[1] = f"{changed[1]}-Nouveau"
    elif changed[3] == "pupil":
        changed[10] = "2Z=2de Z"
    else:
        changed[7] = "Philosophie"
    return changed


def write(path: Path, lines: Iterator[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        file.writelines(",".join(line) + "\n" for line in lines)


@contextlib.contextmanager
def mail_meanwhile(url: str, data: Path, waits: list[float]) -> Iterator[None]:
    """Somebody else's small units, thirty a second, as deliveries are; how long each took."""
    store = Store(url, data, SystemClock(), Changes(), readers=1, writers=1)
    ended = threading.Event()

    def write_on() -> None:
        while not ended.wait(0.033):
            began = time.monotonic()
            store.write_now(audit.record, Origin("bench", "bench"), Action.NOTIFIED, 0)
            waits.append(time.monotonic() - began)

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        store.close()


def waited(waits: list[float]) -> str:
    """How long others waited."""
    waits.sort()
    if not waits:
        return ""
    median, p99, worst = (1000 * waits[int((len(waits) - 1) * part)] for part in (0.5, 0.99, 1))
    return f"others waited median {median:.0f} ms, p99 {p99:.0f}, worst {worst:.0f}"


def bench_import(folder: Path, count: int, url: str, limit: float, server: Slapd | None) -> None:
    directory = instance(folder / "instance", server)
    if url:
        text = (directory / "mailserver.toml").read_text()
        (directory / "mailserver.toml").write_text(f'{text}\n[database]\nurl = "{url}"\n')
        create_schema(url, directory / "data")
    url = url or f"sqlite:///{directory / 'data' / 'mail.db'}"
    whole, some, changed = folder / "people.csv", folder / "some.csv", folder / "changed.csv"
    write(whole, people(count))
    step = max(1, count // CHANGES)
    write(some, (change(line, number) for number, line in enumerate(people(count)) if number % step == 1))
    write(changed, (change(line, number) if number % step == 2 else line for number, line in enumerate(people(count))))
    print(f"{count} people, {whole.stat().st_size >> 20} MiB of CSV", flush=True)
    rows: list[tuple[str, str, int, Figures]] = []
    for what, words in (
        ("dry run, from nothing", ("import", directory, whole, "--dry-run")),
        ("import, from nothing", ("import", directory, whole)),
        ("the same again", ("import", directory, whole)),
        (f"delta of {CHANGES}", ("import", directory, some)),
        (f"--full with {CHANGES} changed", ("import", directory, changed, "--full")),
        ("taking that back", ("imports", "undo", directory, 3)),
    ):
        waits: list[float] = []
        with mail_meanwhile(url, directory / "data", waits):
            figures = measure(words, limit, server)
        print(f"{what}: {figures.seconds:.1f} s; {waited(waits)}\n    {figures.said}", flush=True)
        rows.append((what, "slapd" if server else "embedded", count, figures))
        if not figures.ended:
            break
    print(f"\n{markdown(rows)}")
    if url.startswith("sqlite"):
        print(f"database: {(directory / 'data' / 'mail.db').stat().st_size >> 20} MiB")


def bench_issuing(folder: Path, url: str, total: int = 2000) -> None:
    """Identifiers per second: each is a whole account in a unit of its own, committed and synced."""
    url = url or f"sqlite:///{folder / 'issuing.db'}"
    create_schema(url, folder)
    academy = Academy("ac-exemple.fr", Proofs(b"k" * 32))
    lines = [(line[0], line[1]) for line in itertools.islice(people(330_000), total)]
    store = Store(url, folder, SystemClock(), Changes(), readers=1, writers=4)

    def issue(name: tuple[str, str]) -> str:
        person = enrolment.checked(NewPerson(*name, Role.TEACHER))
        return store.write_now(enrolment.enrol, academy, person, Origin("bench", "bench")).login

    try:
        for issuers in (1, 50):
            began = time.monotonic()
            with ThreadPoolExecutor(issuers) as pool:
                logins = list(pool.map(issue, lines))
            seconds = time.monotonic() - began
            assert len(set(logins)) == total
            print(f"{issuers} issuers: {total / seconds:.0f} identifiers a second", flush=True)
    finally:
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=330_000)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--openldap", action="store_true", help="into a slapd instead of the embedded directory")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that one command may take")
    parser.add_argument("--issuing", action="store_true", help="only the rate of issuing")
    options = parser.parse_args()
    with swept(), tempfile.TemporaryDirectory(prefix="bench-import-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        url = ""
        if options.engine == "postgresql":
            server = Postgres(folder)
            server.start()
            stack.callback(server.stop)
            url = server.create()
        print(f"{options.engine}, {heading()}")
        if options.issuing:
            bench_issuing(folder, url)
        else:
            ldap = stack.enter_context(openldap(folder / "slapd")) if options.openldap else None
            bench_import(folder, options.people, url, options.limit, ldap)


if __name__ == "__main__":
    main()
