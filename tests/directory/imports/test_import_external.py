"""AAF into both kinds of directory: whole, by halves, twice, interrupted and taken back."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from directory.imports.deciding import Terms
from directory.imports.intake import Intake, Options, Report
from directory.imports.sources.aaf import AafExport, parts
from directory.imports.sources.records import Fault, Remark
from directory.imports.sources.rows import CsvExport
from directory.imports.target import Outcome, Result, Target
from directory.imports.targets.embedded import EmbeddedTarget
from directory.imports.targets.external import ExternalTarget, open_target
from directory.imports.targets.restoring import Ending
from directory.issuing.hashing import Passwords
from directory.ldap import lookups
from directory.ldap.bulk import Add, Bulk
from directory.ldap.pool import Pool
from directory.schema import names
from mailserver.foundation.tls import write_secret
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import State
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store
from mailserver.store.people import bulk_people, imports, schools
from mailserver.store.record.audit import Origin
from tests.directory.conftest import sqlite_store
from tests.directory.imports import aaf_generator
from tests.directory.imports.aaf_generator import Academy, add, delete, modify, write_files
from tests.directory.ldap.test_ldap_adapter import Home
from tests.directory.slapd import ADMIN, BASE, PASSWORD, Slapd
from tests.harness import run_command

ACADEMY = Academy(staff=30, pupils=120, schools=5)
ORIGIN = Origin("tester", "import")
TODAY = date(2026, 11, 25)
PERSON = "categoriePersonne"


@dataclass
class Heard:
    """What an import told."""

    results: list[Result] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def result(self, done: Result) -> None:
        self.results.append(done)

    def fault(self, fault: Fault) -> None:
        self.faults.append(fault)

    def remark(self, remark: Remark) -> None:
        self.remarks.append(remark)


@dataclass
class Place:
    """A directory to import into."""

    store: Store
    target: Callable[[Terms], Target]
    entries: Callable[[], dict[str, dict[str, Any]]]
    """By login: what the directory says of people, in the words of `Known`."""
    passwords: Passwords

    def run(self, *paths: Path, allow: int = 1000, heard: Heard | None = None) -> Report:
        """Plan and apply; what was refused goes to `heard`."""
        heard = heard if heard is not None else Heard()
        known = {one.source_key: one.uai for one in self.store.read_now(schools.listing) if one.source_key}
        with parts(paths) as found:
            export = AafExport(found, known, TODAY)
            terms = Terms("aaf", "ac-exemple.fr", export.full, int(time.time()) + 86400)
            intake = self.intake(terms)
            options = Options(allow_leavers=allow)
            plan = intake.plan(export, options, Heard(), lambda octets: None)
            try:
                return intake.apply(export, "files", plan, options, heard, lambda lines: None)
            finally:
                plan.close()

    def run_csv(self, path: Path) -> Report:
        export = CsvExport(path, "csv", full=False)
        intake = self.intake(Terms("csv", "ac-exemple.fr"))
        plan = intake.plan(export, Options(), Heard(), lambda octets: None)
        try:
            return intake.apply(export, "people.csv", plan, Options(), Heard(), lambda lines: None)
        finally:
            plan.close()

    def intake(self, terms: Terms) -> Intake:
        return Intake(self.store, self.target(terms), Proofs(b"k" * 32), self.passwords, terms, ORIGIN)


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path, openldap: Slapd) -> Iterator[Home]:
    openldap.empty()
    made = Home(tmp_path / "home", sqlite_template, openldap)
    yield made
    made.close()


def _facts(known: bulk_people.Known) -> dict[str, Any]:
    ties = {(affiliation.kind, affiliation.uai, affiliation.code) for affiliation in known.affiliations}
    return {**{name: getattr(known, name) for name in bulk_people.ENTRY_FIELDS}, "ties": ties}


@pytest.fixture
def embedded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with sqlite_store(request, tmp_path / "embedded") as store:
        yield from _embedded(store)


def _embedded(store: Store) -> Iterator[Place]:
    passwords = Passwords(1)

    def entries() -> dict[str, dict[str, Any]]:
        ids = [one.id for one in store.read_now(accounts.page, 0, 10_000)]
        known, held = store.read_now(bulk_people.by_ids, ids), store.read_now(bulk_people.ties, ids)
        return {
            one.login: _facts(one._replace(affiliations=held.get(one.account_id, ())))
            for one in known.values()
            if one.has_entry
        }

    yield Place(store, lambda terms: EmbeddedTarget(store, terms, Ending(1, 1), ORIGIN), entries, passwords)
    passwords.close()


@pytest.fixture
def external(home: Home) -> Iterator[Place]:
    passwords = Passwords(1)
    settings = home.directory()._settings
    pool = Pool(home.section, PASSWORD)
    with ExitStack() as stack:

        def target(terms: Terms) -> ExternalTarget:
            return stack.enter_context(open_target(settings, home.store, terms, Ending(1, 1), ORIGIN))

        def entries() -> dict[str, dict[str, Any]]:
            found = pool.submit(lambda connection: lookups.people_where(connection, BASE, ("(uid=*)",))).result()
            standings = home.store.read_now(accounts.page, 0, 10_000)
            logins = {standing.login: standing.id for standing in standings}
            assert all(one.person.account_id == logins[names.fold(one.person.login)] for one in found)
            return {
                one.person.login: {
                    "given_name": one.person.given_name,
                    "surname": one.person.surname,
                    "role": one.person.role.value,
                    "uai": one.person.uai,
                    "discipline": one.person.discipline,
                    "title": one.person.title,
                    "hidden": int(one.person.hidden),
                    "extra": "",
                    "display_name": one.person.display_name,
                    "common_names": "\n".join(one.person.common_names),
                    "address": one.person.address,
                    "aliases": " ".join(one.person.aliases),
                    "ties": {(tie.kind, tie.uai, tie.code) for tie in one.person.affiliations},
                }
                for one in found
            }

        yield Place(home.store, target, entries, passwords)
    pool.close()
    passwords.close()


NEEDS = pytest.mark.needs("slapd", "ldapadd", "ldapdelete")


@pytest.fixture(params=["embedded", pytest.param("external", marks=NEEDS)])
def place(request: pytest.FixtureRequest) -> Place:
    made: Place = request.getfixturevalue(request.param)
    return made


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    ACADEMY.write_full(folder / "full", parents=True)
    ACADEMY.write_delta(folder / "delta", 40)
    return folder


def counts(report: Report) -> tuple[int, ...]:
    found = report.tally.counts
    return tuple(found[one] for one in (Outcome.CREATED, Outcome.CHANGED, Outcome.LEAVING, Outcome.REFUSED))


# ---------------------------------------------------------------------- both directories


def test_full_twice_delta_twice(place: Place, exports: Path) -> None:
    assert counts(place.run(exports / "full")) == (150, 0, 0, 0)
    first = place.entries()
    assert len(first) == 150
    pupil = ACADEMY.pupil(3)
    entry = next(one for one in first.values() if one["role"] == "pupil" and one["surname"] == pupil.surname)
    assert entry["uai"] == ACADEMY.uai(pupil.school)
    again = place.run(exports / "full")
    assert counts(again) == (0, 0, 0, 0)
    assert again.run_id == 0, "nothing to do is no run"
    report = place.run(exports / "delta")
    assert counts(report) == (8, 28, 4, 0)
    second = place.entries()
    assert len(second) == 158
    assert counts(place.run(exports / "delta")) == (0, 0, 0, 0)
    assert place.entries() == second
    renamed = [login for login, one in second.items() if login in first and one["surname"] != first[login]["surname"]]
    assert renamed
    for login in renamed:
        assert first[login]["address"] in second[login]["aliases"].split(), "the old address stays an alias"


@NEEDS
def test_both_directories_say_the_same(embedded: Place, external: Place, exports: Path) -> None:
    for name in ("full", "delta"):
        embedded.run(exports / name)
        external.run(exports / name)
    assert external.entries() == embedded.entries()


def test_leavers_of_a_full_export(place: Place, tmp_path: Path, exports: Path) -> None:
    place.run(exports / "full")
    fewer = Academy(staff=30, pupils=110, schools=5)
    fewer.write_full(tmp_path / "fewer")
    with pytest.raises(Refused, match="10 of the 150 people of aaf would leave"):
        place.run(tmp_path / "fewer", allow=9)
    assert counts(place.run(tmp_path / "fewer")) == (0, 0, 10, 0)
    assert counts(place.run(tmp_path / "fewer")) == (0, 0, 0, 0), "a planned leaving is planned once"
    back = place.run(exports / "full")
    assert counts(back) == (0, 10, 0, 0)
    assert back.tally.returning == 10


def test_taken_back(place: Place, exports: Path) -> None:
    place.run(exports / "full")
    before = place.entries()
    report = place.run(exports / "delta")
    undone = place.intake(Terms("aaf", "ac-exemple.fr")).undo(report.run_id, 0, lambda done: None)
    assert undone.left == ()
    assert place.entries() == before
    assert counts(place.run(exports / "delta")) == (8, 28, 4, 0), "and it can be done again"


def test_who_was_withdrawn_gets_their_own_names_again(place: Place, exports: Path) -> None:
    report = place.run(exports / "full")
    before = place.entries()
    place.intake(Terms("aaf", "ac-exemple.fr")).undo(report.run_id, 0, lambda done: None)
    assert place.entries() == {}
    assert counts(place.run(exports / "full")) == (150, 0, 0, 0)
    assert place.entries() == before


def test_a_modification_leaves_the_rest(place: Place, tmp_path: Path, exports: Path) -> None:
    place.run(exports / "full")
    pupil = ACADEMY.pupil(1)
    structure = aaf_generator.FIRST_STRUCTURE + pupil.school
    records = [
        modify(PERSON, "Eleve", pupil.number, {"ENTEleveClasses": (f"{structure}$9Z",), "personalTitle": ()}),
        delete(PERSON, "Eleve", ACADEMY.pupil(2).number),
        delete(PERSON, "Eleve", 77),
        modify(PERSON, "Eleve", 78, {"sn": ("Personne",)}),
    ]
    write_files(tmp_path, "ENT_X_Delta_20261125_Eleve", records)
    heard = Heard()
    before = place.entries()
    report = place.run(tmp_path, heard=heard)
    assert counts(report) == (0, 1, 1, 1)
    [changed] = [login for login, one in place.entries().items() if one != before[login]]
    after = place.entries()[changed]
    assert after["title"] == ""
    classes = {code for kind, _, code in after["ties"] if kind == "class"}
    assert classes == {"9Z"}
    for kept in ("given_name", "surname", "uai", "discipline", "address"):
        assert after[kept] == before[changed][kept]


def test_people_of_another_file_are_recognised(place: Place, tmp_path: Path) -> None:
    """By name, birth date and school, where nothing else is in common; never doubled, never mistaken."""
    lines = (
        "given_name,surname,birth_date,role,numen,ine,uai",
        "Anaïs,Lebœuf,1979-02-09,admin,21E2600123ABC,,0210006T",
        "Zoé,Gonçalves,2012-05-17,pupil,,123456789AB,0210006T",
        "Max,Martin,1970-01-01,teacher,,,0210006T",
        "Léa,Petit,1971-01-01,teacher,,,0210006T",
        "Léa,Petit,1971-01-01,teacher,,,0210006T",
    )
    path = tmp_path / "people.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    assert counts(place.run_csv(path)) == (5, 0, 0, 0)
    before = place.entries()
    school = {"ENTStructureUAI": ("0210006T",)}
    write_files(tmp_path / "aaf", "ENT_X_Delta_1_EtabEducNat", [add("categorieStructure", "EtabEducNat", 9, school)])
    structure = {"ENTPersonStructRattach": ("9",)}
    records = [
        add(PERSON, "PersEducNat", number, {**structure, "givenName": (given,), "sn": (name,), **_born(born)})
        for number, given, name, born in (
            (1, "Anaïs", "Lebœuf", "09/02/1979"),
            (2, "Zoe", "Goncalves", "17/05/2012"),
            (3, "Max", "Martin", "02/01/1970"),
            (4, "Léa", "Petit", "01/01/1971"),
        )
    ]
    write_files(tmp_path / "aaf", "ENT_X_Delta_1_PersEducNat", records)
    heard = Heard()
    assert counts(place.run(tmp_path / "aaf", heard=heard)) == (2, 1, 0, 1)
    refused = [result.reason for result in heard.results if result.outcome is Outcome.REFUSED]
    assert refused == []
    after = place.entries()
    assert after["aleboeuf"]["role"] == "admin", "an export unmakes no administrator"
    assert set(after) - set(before) == {"zgoncalves1", "mmartin1"}, "a pupil is no teacher; another birth date"


def _born(date_: str) -> dict[str, tuple[str, ...]]:
    return {"ENTPersonDateNaissance": (date_,)}


# ---------------------------------------------------------------------- an LDAP server


@NEEDS
def test_names_that_only_the_directory_knows(external: Place, openldap: Slapd, exports: Path) -> None:
    """Somebody else's entries keep their names; nobody gets their mail."""
    pupil = ACADEMY.pupil(0)
    wanted = external_login(pupil)
    openldap.add(
        f"dn: uid={wanted},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {wanted}\ncn: X\nsn: X\n"
        f"mail: {wanted}@ac-exemple.fr\n"
    )
    assert counts(external.run(exports / "full")) == (150, 0, 0, 0)
    entry = external.store.read_now(accounts.by_login, f"{wanted}1")
    assert entry is not None


def external_login(pupil: aaf_generator.Person) -> str:
    from directory.issuing.identifiers import identifier

    return identifier(pupil.given, pupil.surname)


@NEEDS
def test_interrupted_before_the_entries_are_written(
    external: Place, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Bulk.write
    calls = 0

    def cut(self: Bulk, changes: Any) -> list[str]:
        nonlocal calls
        calls += any(isinstance(change, Add) for change in changes)
        if calls == 2:
            written(self, changes[: len(changes) // 2])
            raise Temporary("The directory is out of reach")
        return written(self, changes)

    with monkeypatch.context() as broken:
        broken.setattr(Bulk, "write", cut)
        with pytest.raises(Temporary):
            external.run(exports / "full")
    standings = external.store.read_now(accounts.page, 0, 10_000)
    assert 0 < len(external.entries()) < len(standings), "claimed, and some not written"
    report = external.run(exports / "full")
    assert report.resumed
    assert len(external.entries()) == 150
    assert len(external.store.read_now(accounts.page, 0, 10_000)) == 150, "nobody twice"
    assert counts(external.run(exports / "full")) == (0, 0, 0, 0)


@NEEDS
async def test_passwords_of_a_file_open_the_account(external: Place, home: Home, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    header = "given_name,surname,role,numen,login,password\n"
    lines = "Emma,Dupont,teacher,21E2600123ABC,,Academie#2026\nEmma,Durand,teacher,21E2600123ABC,,\n"
    path.write_text(header + lines)
    export = CsvExport(path, "csv", full=False)
    options = Options(accept_passwords=True)

    def work() -> Report:
        intake = external.intake(Terms("csv", "ac-exemple.fr"))
        plan = intake.plan(export, options, Heard(), lambda octets: None)
        try:
            return intake.apply(export, "people.csv", plan, options, Heard(), lambda lines: None)
        finally:
            plan.close()

    report = await asyncio.to_thread(work)
    assert counts(report) == (1, 1, 0, 0)
    directory = home.directory()
    person = await directory.authenticate("edupont", Secret("Academie#2026"))
    assert person is not None
    assert (person.surname, person.address, person.state) == ("Durand", "emma.durand@ac-exemple.fr", State.ACTIVE)


@NEEDS
def test_what_the_server_refuses_is_refused(external: Place, exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Bulk.write

    def picky(self: Bulk, changes: Any) -> list[str]:
        reasons = written(self, [change for change in changes if change.attributes.get("sn") != (victim,)])
        return [("no" if change.attributes.get("sn") == (victim,) else reasons.pop(0)) for change in changes]

    victim = ACADEMY.teacher(0).surname
    heard = Heard()
    with monkeypatch.context() as broken:
        broken.setattr(Bulk, "write", picky)
        report = external.run(exports / "full", heard=heard)
    refused = [result for result in heard.results if result.outcome is Outcome.REFUSED]
    assert refused
    assert all(one.reason == "no" for one in refused)
    assert counts(report)[3] == len(refused)
    run = external.store.read_now(imports.require, report.run_id)
    assert run.counts["created"] == 150 - len(refused)
    assert counts(external.run(exports / "full")) == (len(refused), 0, 0, 0), "tried again"
    assert len(external.entries()) == 150


@NEEDS
def test_schools_and_words_are_entries(external: Place, exports: Path, openldap: Slapd) -> None:
    external.run(exports / "full")
    pool = Pool(external.target(Terms("aaf", "x"))._bulk._pool._settings, PASSWORD)  # type: ignore[attr-defined]
    try:
        found = pool.submit(
            lambda connection: connection.search(BASE, "(objectClass=acadStructure)", attributes=["*"])[2]
        ).result()
        terms = pool.submit(
            lambda connection: connection.search(BASE, "(objectClass=acadTerm)", attributes=["description"])[2]
        ).result()
    finally:
        pool.close()
    assert {one["attributes"]["acadUAI"][0] for one in found} == {ACADEMY.uai(number) for number in range(5)}
    assert len(terms) > 100


@NEEDS
def test_somebody_else_s_directory_is_left_alone(home: Home) -> None:
    settings = home.directory(read_only=True)._settings
    with pytest.raises(Refused) as refusal, open_target(settings, home.store, Terms("a", "b"), Ending(1, 1), ORIGIN):
        pass
    assert refusal.value.reason is Reason.READ_ONLY_DIRECTORY


# ---------------------------------------------------------------------- the command


@NEEDS
@pytest.mark.parametrize("kind", ["embedded", "external"])
def test_the_command(kind: str, tmp_path: Path, openldap: Slapd, exports: Path) -> None:
    directory = tmp_path / "instance"
    run_command("init", directory, "--domain", "ac-exemple.fr")
    if kind == "external":
        openldap.empty()
        write_secret(directory / "secrets" / "ldap", PASSWORD.encode())
        path = directory / "mailserver.toml"
        section = f'url = "{openldap.url}"\nbase = "{BASE}"\nbind_dn = "{ADMIN}"\npassword_file = "ldap"\n'
        path.write_text(path.read_text() + f"\n[ldap]\n{section}read_only = false\n")
    foreseen = run_json("import", directory, exports / "full", "--dry-run")
    assert (foreseen["created"], foreseen["refused"]) == (150, 0)
    done = run_json("import", directory, *sorted((exports / "full").iterdir()))
    assert done["created"] == 150
    delta = run_json("import", directory, exports / "delta")
    assert (delta["created"], delta["changed"], delta["leaving"]) == (8, 28, 4)
    undone = run_json("imports", "undo", directory, delta["run"])
    assert undone["left"] == 0
    assert run_json("import", directory, exports / "full")["unchanged"] == 150
    (tmp_path / "ENT_X_Complet_1_Eleve_0000.xml").write_bytes(b"<ficAlimMENESR><addRequest>")
    broken = run_command("import", directory, tmp_path / "ENT_X_Complet_1_Eleve_0000.xml", check=False)
    assert broken.returncode == 2
    assert "ENT_X_Complet_1_Eleve_0000.xml: line 1: not XML" in broken.stderr


def run_json(*arguments: object) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(run_command(*arguments, "--json").stdout)
    return said
