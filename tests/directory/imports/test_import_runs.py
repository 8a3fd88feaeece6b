"""Runs: what is shown is what is done, a run is taken back, leavers are guarded, a kill loses and doubles nothing."""

import csv
import fcntl
import io
import os
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from directory.imports.applying import LARGEST, SMALLEST, Pace
from directory.imports.intake import Options
from directory.imports.planning import Seen
from directory.imports.sources.text_encoding import Encoding
from directory.imports.target import LEFT, Outcome
from directory.imports.targets.embedded import EmbeddedTarget
from directory.issuing import enrolment
from directory.people import lifecycle
from directory.people.embedded import EmbeddedDirectory
from mailserver.background.housekeeping import states
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import NewPerson, PersonChange, Role, State, Tie
from mailserver.store.account import accounts
from mailserver.store.account.accounts import read_reason
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import affiliations, claims, imports, people, schools
from mailserver.store.people.imports import Fate, RunState
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema import metadata
from tests.cli.test_accounts import Console
from tests.clocks import PARIS
from tests.directory.conftest import DOMAIN
from tests.directory.imports.importing import Done, Importer
from tests.harness import environment, hatchery
from tests.waiting import PATIENCE

NUMEN = "21E2600123ABC"
WIDE = (
    "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,recovery_address,title,functions,classes,groups,"
    "hidden"
)
EMILIE = f"Émilie,Dupont,1980-02-29,teacher,{NUMEN},,0210006T,Maths,,e@exemple.org,Mme,ENS,4B=4e B|0751717J:5A,,non"
SAMIR = "Samir,Kaci,31/12/2010,pupil,,1234567890A,0210006T,,,,,,4B,LATIN=Latin,"
JEAN = "Jean,Martin,,admin,,,,,jean.martin,,M.,,,,oui"
FILE = (EMILIE, SAMIR, JEAN)
TABLES = ("account", "person", "affiliation", "school", "vocabulary_entry")
PASSING = {"modified", "login_version"}
"""Columns that tell when and how often something was written."""


@pytest.fixture
def importer(embedded: EmbeddedDirectory, store: Store, tmp_path: Path) -> Importer:
    return Importer(embedded, store, tmp_path)


Rows = dict[str, list[tuple[object, ...]]]


def contents(store: Store) -> Rows:
    """Every row of the tables that an import writes, but for claims, audit and its own record."""

    def read(tx: Tx) -> Rows:
        found: Rows = {}
        for name in TABLES:
            table = metadata.tables[name]
            columns = [column for column in table.columns if column.name not in PASSING]
            found[name] = sorted((tuple(row) for row in tx.execute(select(*columns))), key=repr)
        return found

    return store.read_now(read)


def of_people(rows: Rows, known: set[object]) -> Rows:
    """The same without the accounts that were made since: an account is never deleted."""
    return {**rows, "account": [row for row in rows["account"] if row[0] in known]}


def ids(rows: Rows) -> set[object]:
    return {row[0] for row in rows["account"]}


def wide(importer: Importer, *lines: str, full: bool = False, allow_leavers: int | None = None) -> Done:
    return importer(*lines, header=WIDE, full=full, allow_leavers=allow_leavers)


# ---------------------------------------------------------------------- what a line may say


def test_everything_a_line_says(importer: Importer) -> None:
    assert wide(importer, *FILE).counts == (3, 0, 0, 0)
    store, entry = importer.store, importer.entry("edupont")
    held = store.read_now(affiliations.of, [entry.account_id])[entry.account_id]
    assert [(one.kind, one.uai, one.code, one.label) for one in held] == [
        (Tie.CLASS, "0210006T", "4B", "4e B"),
        (Tie.CLASS, "0751717J", "5A", ""),
        (Tie.FUNCTION, "0210006T", "ENS", ""),
    ]
    standing = importer.standing("edupont")
    assert (standing.source, standing.welcome_due, standing.recovery_address) == ("csv", True, "e@exemple.org")
    assert importer.entry("jean.martin").hidden
    assert {school.uai for school in store.read_now(schools.listing)} == {"0210006T", "0751717J"}
    assert wide(importer, *FILE).counts == (0, 0, 3, 0)


def test_cells_that_are_empty_change_nothing_and_others_only_their_kind(importer: Importer) -> None:
    wide(importer, *FILE)
    done = wide(importer, f"Émilie,Dupont,,teacher,{NUMEN},,,,,,,,0751717J:5A=5e A,,")
    assert done.counts == (0, 1, 0, 0)
    assert done.tally.moved == 1
    entry = importer.entry("edupont")
    held = importer.store.read_now(affiliations.of, [entry.account_id])[entry.account_id]
    assert [(one.code, one.label) for one in held] == [("5A", "5e A"), ("ENS", "")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("A,B,,teacher,,,,,,,Dr,,,,", "title"),
        ("A,B,,teacher,,,,,,,,,4B,,", "classes"),
        ("A,B,,teacher,,,,,,,,,021:4B,,", "uai"),
        ("A,B,,teacher,,,,,,,,,,,peut-être", "hidden"),
        ("A,B,,teacher,,,0210006T,,,,,,=x,,", "class"),
        ("A,B,,teacher,,,,,,not an address,,,,,", "recovery_address"),
        ("王,伟,,teacher,,,,,,,,,,,", "no identifier"),
    ],
)
def test_refused_with_line_and_reason(importer: Importer, line: str, reason: str) -> None:
    done = wide(importer, EMILIE, line)
    assert done.counts == (1, 0, 0, 1)
    (fault,) = done.heard.refused
    assert (fault.number, reason in fault.reason) == (3, True)


def test_homonyms_and_their_elder_are_told(importer: Importer) -> None:
    lines = [f"Jean,Martin,,teacher,{number:02}E2600123ABC,,,,,,,,,," for number in range(5)]
    done = wide(importer, *lines)
    told = [(result.login, result.address, result.elder) for result in done.heard.results]
    assert told[0] == ("jmartin", f"jean.martin@{DOMAIN}", "")
    assert told[1:] == [(f"jmartin{n}", f"jean.martin{n}@{DOMAIN}", "jmartin") for n in range(1, 5)]
    assert done.tally.homonyms == 4
    assert [(result.login, result.address, result.elder) for result in done.foreseen.results] == told
    again = wide(importer, "Jeanne,Martin,,teacher,07E2600123ABC,,,,,,,,,,")
    assert [(result.login, result.address) for result in again.heard.results] == [
        ("jmartin5", f"jeanne.martin@{DOMAIN}")
    ]


def test_a_change_of_name_keeps_the_identifier_and_the_old_address(importer: Importer) -> None:
    wide(importer, EMILIE)
    done = wide(importer, EMILIE.replace("Dupont", "Durand"))
    assert (done.tally.renamed, done.tally.counts[Outcome.CHANGED]) == (1, 1)
    entry = importer.entry(f"emilie.dupont@{DOMAIN}")
    assert (entry.login, entry.address) == ("edupont", f"emilie.durand@{DOMAIN}")
    assert set(entry.aliases) == {f"emilie.dupont@{DOMAIN}", f"edupont@{DOMAIN}"}
    # And back: the person's own former address, not a new number.
    wide(importer, EMILIE)
    assert importer.entry("edupont").address == f"emilie.dupont@{DOMAIN}"


def test_who_was_put_into_a_list_by_an_address_that_is_taken_back_stays_in_it(importer: Importer) -> None:
    store = importer.store
    wide(importer, EMILIE)
    store.write_now(lists.create, f"maths@{DOMAIN}", "", "", {})
    done = wide(importer, EMILIE.replace("Dupont", "Durand"))
    store.write_now(lists.add_members, f"maths@{DOMAIN}", [f"emilie.durand@{DOMAIN}"])
    assert importer.undo(done.run_id).left == ()
    assert store.read_now(lists.members, f"maths@{DOMAIN}") == (f"emilie.dupont@{DOMAIN}",)


def test_the_difference_says_what_was_and_what_will_be(importer: Importer) -> None:
    wide(importer, EMILIE)
    line = EMILIE.replace("Dupont", "Durand").replace("0210006T", "0890001T").replace("1980-02-29", "1980-03-01")
    line = line.replace("4B=4e B|0751717J:5A", "3C|0751717J:5A=5e A").replace("e@exemple.org", "f@exemple.org")
    (done,) = wide(importer, line).foreseen.results
    assert {detail.name: (detail.before, detail.after) for detail in done.details} == {
        "surname": ("Dupont", "Durand"),
        "address": (f"emilie.dupont@{DOMAIN}", f"emilie.durand@{DOMAIN}"),
        "uai": ("0210006T", "0890001T"),
        "function": ("0210006T:ENS", "0890001T:ENS"),
        "class": ("0210006T:4B|0751717J:5A", "0751717J:5A=5e A|0890001T:3C"),
    }
    again = wide(importer, line.replace("3C|", "3C|3D|")).heard.results
    assert [one.details for one in again] == [(("class", "", "3D"),)]
    assert {"birth_date", "recovery_address"} <= set(done.changed)
    assert "exemple.org" not in str(done.details)
    (leaves,) = wide(importer, SAMIR, full=True, allow_leavers=1).heard.results[-1:]
    (told,) = leaves.details
    assert (told.name, told.before, len(told.after)) == ("close_at", "", 10)


def test_the_day_of_a_closing_is_that_of_the_academy(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half past midnight in Paris is yesterday in UTC."""
    monkeypatch.setattr(importer.store.clock, "now", datetime(2026, 12, 2, 0, 30, tzinfo=PARIS).timestamp)
    importer("Anne,Roy,,teacher,,,,,aroy,", "Marc,Roy,,teacher,,,,,mroy,")
    (leaves,) = importer("Anne,Roy,,teacher,,,,,aroy,", full=True, allow_leavers=1).heard.results
    assert leaves.details == (("close_at", "", "2027-01-31"),)


def test_two_exports_do_not_take_each_others_people(importer: Importer) -> None:
    importer("Anne,Roy,,teacher,,,,,aroy,", source="one")
    assert importer("Anne,Roy,,staff,,,,,aroy,", source="two", confirm_logins=True).counts == (0, 1, 0, 0)
    assert importer.standing("aroy").source == "one"
    done = importer("Marc,Petit,,teacher,,,,,mp,", source="two", full=True)
    assert (done.counts, done.leaving) == ((1, 0, 0, 0), 0)


# ---------------------------------------------------------------------- what is shown is what is done

_NAMES = st.sampled_from(["Jean", "Anne", "Émilie", "Paul-Henri"])
_FAMILIES = st.sampled_from(["Martin", "Roy", "Le Goff", "Dupont"])
_LINE = st.builds(
    lambda *cells: ",".join(cells),
    _NAMES,
    _FAMILIES,
    st.sampled_from(["", "1980-02-29", "1980-13-01"]),
    st.sampled_from(["teacher", "pupil", "king"]),
    st.sampled_from(["", "", NUMEN, "07G9912345XYZ", "bad"]),
    st.sampled_from(["", "", "1234567890A", "1234567891A"]),
    st.sampled_from(["", "0210006T", "0751717J", "0450000A"]),
    st.sampled_from(["", "Maths"]),
    st.sampled_from(["", "", "", "xavier", "yann"]),
    st.sampled_from(["", "a@exemple.org"]),
    st.sampled_from(["", "M."]),
    st.sampled_from(["", "ENS|DOC=Documentation"]),
    st.sampled_from(["", "0210006T:4B=4e B", "4B"]),
    st.just(""),
    st.sampled_from(["", "oui"]),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_LINE, max_size=6), st.lists(_LINE, max_size=6), st.booleans())
def test_any_two_files(importer: Importer, first: list[str], second: list[str], full: bool) -> None:
    """For any files: the plan is what happens, twice is once, and an undoing is exact."""
    store = importer.store
    clear(store)
    wide(importer, *first)
    before = contents(store)
    foreseen = importer(*second, header=WIDE, full=full, dry_run=True)
    assert contents(store) == before
    done = wide(importer, *second, full=full, allow_leavers=100)
    assert done.tally == replace(foreseen.tally, places=done.tally.places)
    assert shown(done) == shown(foreseen)
    after = contents(store)
    again = wide(importer, *second, full=full, allow_leavers=100)
    assert again.tally.counts[Outcome.CREATED] == again.tally.counts[Outcome.LEAVING] == 0
    if one_line_a_person(first, second):
        assert again.tally.counts[Outcome.CHANGED] == 0
        assert contents(store) == after
    elif again.run_id:
        assert importer.undo(again.run_id).left == ()
        assert contents(store) == after
    if done.run_id:
        assert importer.undo(done.run_id).left == ()
        assert of_people(contents(store), ids(before)) == before


def clear(store: Store) -> None:
    def empty(tx: Tx) -> None:
        for table in reversed(metadata.sorted_tables):
            if table.name in (*TABLES, "claim", "import_run", "import_change", "person_word", "name_word"):
                tx.execute(table.delete())

    store.write_now(empty)


def shown(done: Done) -> list[tuple[object, ...]]:
    return [
        (result.line, result.outcome, result.login, result.address, result.changed) for result in done.heard.results
    ]


def one_line_a_person(first: list[str], second: list[str]) -> bool:
    """False when two lines of the second may be about one person: then one says again what the other has changed."""
    same: dict[str, set[str]] = {}
    told: list[set[str]] = []
    for cells in csv.reader(io.StringIO("\n".join((*first, *second)))):
        keys = {cells[at] for at in (4, 5, 8) if cells[at]}
        told.append(keys)
        together = keys.union(*(same.get(key, set()) for key in keys))
        same.update(dict.fromkeys(together, together))
    of_second = [same[next(iter(keys))] for keys in told[len(first) :] if keys]
    return all(one is not other for at, one in enumerate(of_second) for other in of_second[:at])


# ---------------------------------------------------------------------- leavers


def crowd(count: int) -> list[str]:
    return [f"P{chr(97 + n // 26)}{chr(97 + n % 26)},Nom,,teacher,{n:02}E2600123ABC,,,,,,,,,," for n in range(count)]


def test_who_is_missing_leaves_and_returns(importer: Importer) -> None:
    wide(importer, *crowd(20))
    done = wide(importer, *crowd(20)[1:], full=True)
    assert (done.leaving, done.counts) == (1, (0, 0, 19, 0))
    standing = importer.standing("pnom")
    assert read_reason(standing.close_reason).name == LEFT
    assert standing.close_at > importer.store.clock.now() + 59 * 86400
    assert standing.state is State.PENDING
    assert wide(importer, *crowd(20)[1:], full=True).leaving == 0
    assert wide(importer, *crowd(20)[1:]).leaving == 0
    back = wide(importer, *crowd(20), full=True)
    assert (back.tally.returning, importer.standing("pnom").close_at) == (1, 0)
    actions = [event.action for event in importer.store.read_now(audit.history, standing.id)]
    assert actions == [Action.CLOSING_CANCELLED, Action.CLOSING_PLANNED, Action.CREATED]


def test_a_closing_that_somebody_planned_is_not_called_off(importer: Importer) -> None:
    wide(importer, *FILE)
    account_id = importer.entry("edupont").account_id
    importer.store.write_now(accounts.plan_closing, account_id, 4_000_000_000, "retires")
    assert wide(importer, *FILE, full=True).counts == (0, 0, 3, 0)
    assert importer.standing("edupont").close_at == 4_000_000_000


def test_a_tenth_at_most_leaves_unasked(importer: Importer) -> None:
    wide(importer, *crowd(20))
    assert wide(importer, *crowd(20)[2:], full=True).leaving == 2
    before = contents(importer.store)
    with pytest.raises(Refused) as refused:
        wide(importer, *crowd(20)[5:], full=True)
    assert refused.value.reason is Reason.LIMIT
    assert "3 of the 20" in refused.value.text
    assert contents(importer.store) == before
    assert wide(importer, *crowd(20)[5:], full=True, allow_leavers=3).leaving == 3


def test_a_refused_line_makes_nobody_a_leaver(importer: Importer) -> None:
    wide(importer, *crowd(20))
    lines = crowd(20)
    lines[3] = lines[3].replace("teacher", "king")
    done = wide(importer, *lines, full=True)
    assert (done.leaving, done.counts) == (0, (0, 0, 19, 1))
    # Nobody can say whom this one is about.
    lines[3] = lines[3].replace("03E2600123ABC", "?")
    done = wide(importer, *lines, full=True)
    assert done.report is not None
    assert (done.leaving, done.report.spared) == (0, 1)


def test_people_made_by_hand_are_taken_over_by_a_full_export_only(importer: Importer) -> None:
    person = enrolment.checked(NewPerson("Anne", "Roy", Role.TEACHER, login="aroy"))
    importer.store.write_now(enrolment.enrol, importer.directory.academy, person, Origin("tester", "test"))
    assert importer("Anne,Roy,,teacher,,,,,aroy,").counts == (0, 0, 1, 0)
    assert importer("Anne,Roy,,teacher,,,,,aroy,", full=True).counts == (0, 1, 0, 0)
    assert importer.standing("aroy").source == "csv"


def test_a_bit_for_each_account() -> None:
    seen = Seen()
    for number in (0, 7, 8, 100_000, 5_000_000):
        seen.add(number)
    assert [number in seen for number in (0, 1, 7, 8, 9, 100_000, 5_000_000, 5_000_001, 9_000_000_000)] == [
        *(True, False, True, True, False, True, True, False, False)
    ]


# ---------------------------------------------------------------------- taking back


def test_taken_back_as_if_it_had_not_been(importer: Importer) -> None:
    wide(importer, *FILE, *crowd(10))
    before = contents(importer.store)
    done = wide(
        importer,
        EMILIE.replace("Dupont", "Durand").replace("Mme", "M.").replace("e@exemple.org", "f@exemple.org"),
        SAMIR.replace("0210006T", "0751717J"),
        "Paul,Neuf,,teacher,,,0890001U,,,,,,6C,,",
        *crowd(10)[1:],
        full=True,
        allow_leavers=100,
    )
    assert (done.counts, done.leaving) == ((1, 2, 9, 0), 2)
    undone = importer.undo(done.run_id)
    assert undone.left == ()
    assert of_people(contents(importer.store), ids(before)) == before
    assert importer.store.read_now(people.find, "pneuf") is None
    assert importer.store.read_now(people.find, f"emilie.durand@{DOMAIN}") is None
    # What was claimed stays claimed, and comes back to the same people.
    assert importer.store.read_now(claims.owner, "pneuf") is not None
    run = importer.store.read_now(imports.get, done.run_id)
    assert run is not None
    assert run.state is RunState.UNDONE
    with pytest.raises(Refused):
        importer.undo(done.run_id)


def test_whoever_was_taken_back_gets_the_same_names_again(importer: Importer) -> None:
    first = wide(importer, *FILE)
    store = importer.store
    numbers = {entry.login: entry.account_id for entry in importer.everybody()}
    importer.undo(first.run_id)
    assert importer.everybody() == []
    assert wide(importer, *FILE).counts == (3, 0, 0, 0)
    assert {entry.login: entry.account_id for entry in importer.everybody()} == numbers
    assert importer.entry(f"edupont@{DOMAIN}").address == f"emilie.dupont@{DOMAIN}"
    assert importer.standing("edupont").state is State.PENDING
    assert wide(importer, *FILE).counts == (0, 0, 3, 0)
    # Somebody else of the same name gets other ones.
    done = wide(importer, EMILIE.replace(NUMEN, "07G9912345XYZ"))
    assert [result.login for result in done.heard.results] == ["edupont1"]
    assert store.read_now(claims.owner, "edupont") == numbers["edupont"]


def test_what_somebody_changed_since_is_left_and_told(importer: Importer) -> None:
    store, academy, origin = importer.store, importer.directory.academy, Origin("tester", "test")
    wide(importer, SAMIR)
    done = wide(importer, SAMIR.replace("4B", "5C"), EMILIE, JEAN)
    emilie, samir = importer.entry("edupont"), importer.entry("skaci")
    store.write_now(enrolment.change, academy, emilie.account_id, PersonChange(discipline="Anglais"), origin)
    store.write_now(affiliations.replace, samir.account_id, ())
    undone = importer.undo(done.run_id)
    told = {one.login: one.reason for one in undone.left}
    assert (told["edupont"], told["skaci"]) == ("was changed since", "changed since: affiliations")
    assert {entry.login for entry in importer.everybody()} == {"edupont", "skaci"}
    assert store.read_now(imports.count_fates, done.run_id)[Fate.LEFT] == undone.left_count


def test_the_newest_import_is_taken_back_first(importer: Importer) -> None:
    first = wide(importer, SAMIR)
    second = wide(importer, SAMIR.replace("4B", "5C"), EMILIE)
    importer("Anne,Roy,,teacher,,,,,aroy,", source="other")
    with pytest.raises(Refused, match=f"import {second.run_id} came after it") as refused:
        importer.undo(first.run_id)
    assert refused.value.reason is Reason.CONFLICT
    undone = importer.undo(first.run_id, anyway=True)
    assert {"skaci", "class 0210006T:4B", "0210006T"} <= {one.login for one in undone.left}
    assert importer.undo(second.run_id).left == ()
    assert {entry.login for entry in importer.everybody()} == {"skaci", "aroy"}


async def test_who_has_come_in_is_closed_not_removed(importer: Importer) -> None:
    done = importer("Anne,Roy,,teacher,,,,,aroy,Pass-1", "Marc,Petit,,teacher,,,,,mp,", accept_passwords=True)
    importer.store.write_now(accounts.start_provisioning, importer.entry("mp").account_id)
    undone = importer.undo(done.run_id)
    assert undone.left == ()
    for login in ("aroy", "mp"):
        standing = importer.standing(login)
        assert (standing.state, standing.reason) == (State.CLOSED, f"import {done.run_id} taken back")
        assert standing.erase_at > importer.store.clock.now()
    assert len(importer.everybody()) == 2


async def test_what_was_taken_back_is_erased_after_a_while(importer: Importer) -> None:
    done = wide(importer, *FILE)
    account_id = importer.entry("edupont").account_id
    importer.undo(done.run_id)
    origin = Origin("tester", "test")
    assert await lifecycle.erase(importer.store, importer.directory, origin, account_id)
    standing = importer.store.read_now(accounts.get, account_id)
    assert standing is not None
    assert (standing.marks.numen, standing.recovery_address, standing.erased > 0) == (None, "", True)
    # Nobody knows any more whose it was: the same person is somebody new.
    assert [result.login for result in wide(importer, EMILIE).heard.results] == ["edupont1"]


async def test_a_suspension_planned_meanwhile_holds_no_other_up(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned for an arrival that is then taken back: the housekeeper of the day goes on to the others."""
    kept = wide(importer, SAMIR)
    done = wide(importer, EMILIE)
    store, when = importer.store, int(importer.store.clock.now()) + 3600
    for login in ("edupont", "skaci"):
        store.write_now(accounts.suspend, importer.standing(login).id, "", False, start=when)
    gone = importer.entry("edupont").account_id
    importer.undo(done.run_id)
    assert kept.run_id != done.run_id
    monkeypatch.setattr(store.clock, "now", lambda: float(when))
    await states.suspend(store)
    assert importer.standing("skaci").state is State.SUSPENDED
    left = store.read_now(accounts.get, gone)
    assert left is not None
    assert (left.state, left.suspend_from) == (State.CLOSED, 0)


def test_only_for_a_while(importer: Importer) -> None:
    done = wide(importer, *FILE)
    intake = importer.intake()
    late = int(importer.store.clock.now()) + 10
    with pytest.raises(Refused) as refused:
        intake.undo(done.run_id, late, lambda _: None)
    assert refused.value.reason is Reason.CONFLICT
    with pytest.raises(Refused):
        intake.undo(done.run_id + 1, 0, lambda _: None)
    assert importer.store.write_now(imports.prune, 0, 100) == 0
    assert importer.store.write_now(imports.prune, late, 3) == 3
    assert importer.store.write_now(imports.prune, late, 100) > 3
    assert importer.store.read_now(imports.changes, done.run_id, 0, 10) == []
    assert importer.store.read_now(imports.get, done.run_id) is not None


# ---------------------------------------------------------------------- interrupted


PEOPLE = 900


def test_an_interrupted_run_goes_on_as_the_same_run(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("directory.imports.applying.FIRST", 7)
    whole = EmbeddedTarget.apply
    calls = 0

    def broken(self: EmbeddedTarget, run_id: int, batch: list[object]) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Temporary("The database is out of reach")
        return whole(self, run_id, batch)  # type: ignore[arg-type]

    lines = crowd(60)
    monkeypatch.setattr(EmbeddedTarget, "apply", broken)
    with pytest.raises(Temporary):
        wide(importer, *lines)
    monkeypatch.setattr(EmbeddedTarget, "apply", whole)
    (run,) = importer.store.read_now(imports.listing, 10)
    assert run.state is RunState.APPLYING
    done_before = len(importer.everybody())
    assert 0 < done_before < 60
    # A different file is a different run.
    assert wide(importer, JEAN).run_id == run.id + 1
    done = wide(importer, *lines)
    assert done.report is not None
    assert (done.run_id, done.report.resumed) == (run.id, True)
    assert done.report.earlier["created"] == done_before
    after = importer.store.read_now(imports.get, run.id)
    assert after is not None
    assert (after.state, after.counts["created"], after.counts["unchanged"]) == (RunState.DONE, 60, 0)
    changes = importer.store.read_now(imports.changes, run.id, 0, 1000)
    assert [change.seq for change in changes] == list(range(1, 61))
    assert len({change.account_id for change in changes}) == 60


def test_killed_again_and_again(tmp_path: Path) -> None:
    """The end is that of an import that nobody disturbed: the same accounts, names, record of the run, undoing."""
    path = tmp_path / "people.csv"
    lines = [
        f"Prénom{n % 7},Nom{n % 40},19{n % 90 + 10}-01-01,pupil,,{n:010}A,0210006T,,,{n}@exemple.org,,,{n % 6}A,,"
        for n in range(PEOPLE)
    ]
    path.write_text("\n".join((WIDE, *lines)) + "\n")
    calm, killed = Console(tmp_path / "calm"), Console(tmp_path / "killed")
    calm("import", "DIR", str(path))
    kills = 0
    while kill_in_the_middle(killed, path):
        kills += 1
    assert kills > 2
    assert facts_of(killed) == facts_of(calm)
    runs = killed.json("imports", "list", "DIR")
    assert [(run["state"], run["counts"]["created"]) for run in runs] == [("done", PEOPLE)]
    killed("imports", "undo", "DIR", "1")
    assert killed.json("account", "list", "DIR") == []


def kill_in_the_middle(console: Console, path: Path) -> bool:
    """Start the import and kill it as soon as it has applied some more; False when it came to its end before."""
    with closing(sqlite3.connect(console.folder / "data" / "mail.db")) as database:

        def applied() -> int:
            return int(database.execute("SELECT count(*) FROM import_change").fetchone()[0])

        enough = applied() + PEOPLE // 6
        words = ["import", str(console.folder), str(path)]
        with open(os.devnull, "r+b") as nothing:
            process = hatchery.spawn(words, environment(), nothing, nothing, nothing)
        while process.poll() is None:
            if applied() >= enough:
                process.kill()
                break
            time.sleep(0.001)
        return process.wait(PATIENCE) == -signal.SIGKILL


def facts_of(console: Console) -> list[tuple[object, ...]]:
    shown = console.json("imports", "show", "DIR", "1")
    people = console.json("account", "list", "DIR")
    return [
        *((person["login"], person["address"], person["name"], person["uai"]) for person in people),
        *((one["line"], one["account"], one["login"], one["outcome"]) for one in shown["changes"]),
    ]


def test_units_keep_to_their_time() -> None:
    pace = Pace(0.05)
    for _ in range(50):
        pace.took(0.05 / 1000)
    assert pace.size == LARGEST
    pace.took(1.0)
    assert pace.size < LARGEST / 10
    for _ in range(50):
        pace.took(10)
    assert pace.size == SMALLEST


# ---------------------------------------------------------------------- at the console


def test_the_commands(tmp_path: Path) -> None:
    console = Console(tmp_path / "instance")
    path = tmp_path / "people.csv"
    file = str(path)
    path.write_text("\n".join((WIDE, *FILE, "A,B,,king,,,,,,,,,,,")) + "\n")
    said = console.json("import", "DIR", file, "--dry-run", code=1)
    assert (said["dry_run"], said["created"], said["refused"], said["run"]) == (True, 3, 1, 0)
    assert said["refused_lines"][0]["number"] == 5
    assert [one["login"] for one in said["people"]] == ["edupont", "skaci", "jean.martin"]
    assert console.json("imports", "list", "DIR") == []

    told = console("import", "DIR", file, code=1).stdout
    assert "line 5: refused: role" in told
    assert "3 created, 0 changed, 0 leaving, 0 unchanged, 1 refused" in told
    assert "edupont" in told
    again = console.json("import", "DIR", file, code=1)
    assert (again["created"], again["unchanged"], again["run"], again["people"]) == (0, 3, 0, [])

    path.write_text("\n".join((WIDE, EMILIE, SAMIR)) + "\n")
    assert "--allow-leavers" in console("import", "DIR", file, "--full", code=1).stderr
    console("import", "DIR", file, "--full", "--yes")
    runs = console.json("imports", "list", "DIR")
    assert [(run["run"], run["state"], run["kind"]) for run in runs] == [(2, "done", "full"), (1, "done", "delta")]
    shown = console("imports", "show", "DIR", "2").stdout
    assert "leaving" in shown
    assert "jean.martin" in shown
    undone = console.json("imports", "undo", "DIR", "2")
    assert (undone["run"], undone["left"]) == (2, 0)
    console("imports", "undo", "DIR", "2", code=1)
    console("imports", "resume", "DIR", "1", code=1)
    console("imports", "show", "DIR", "99", code=1)


def test_going_on_by_number(tmp_path: Path) -> None:
    console = Console(tmp_path / "instance")
    path = tmp_path / "people.csv"
    path.write_text("\n".join((WIDE, *crowd(60))) + "\n")
    console("import", "DIR", str(path))
    with closing(sqlite3.connect(console.folder / "data" / "mail.db")) as database, database:
        database.execute("UPDATE import_run SET state = 'applying', finished = 0")
    resumed = console.json("imports", "resume", "DIR", "1")
    assert (resumed["run"], resumed["resumed"], resumed["earlier"]["created"]) == (1, True, 60)
    assert console.json("imports", "list", "DIR")[0]["state"] == "done"


def test_a_file_of_a_spreadsheet_at_the_console(tmp_path: Path) -> None:
    console = Console(tmp_path / "instance")
    path = tmp_path / "people.csv"
    path.write_bytes("given_name;surname;role;uai;;\r\nÉmilie;Lefèvre;teacher;0210006T;;\r\n".encode("cp1252"))
    assert "refused: not UTF-8" in console("import", "DIR", str(path), "--encoding", "utf-8", code=1).stdout
    told = console("import", "DIR", str(path)).stdout
    assert told.startswith("warning: not UTF-8: read as windows-1252")
    assert "elefevre" in told
    console("import", "DIR", str(path), "--encoding", "windows-1252")
    assert len(console.json("imports", "list", "DIR")) == 1
    path.write_text("given_name;surname;role;uai\nÉmilie;Lefèvre;teacher;0890001T\n")
    console("import", "DIR", str(path), code=0)
    assert len(console.json("account", "list", "DIR")) == 2, "without a number, another school is another person"
    (tmp_path / "empty").mkdir()
    assert "no AAF file" in console("import", "DIR", str(tmp_path / "empty"), code=2).stderr


def test_options_of_a_run_are_those_it_goes_on_with() -> None:
    for options in (Options(), Options(strict=True, encoding=Encoding.ISO_8859_15), Options(accept_passwords=True)):
        assert Options.of(options.text).text == options.text
        assert Options.of(options.text).encoding is options.encoding


def test_one_import_at_a_time(tmp_path: Path) -> None:
    console = Console(tmp_path / "instance")
    path = tmp_path / "people.csv"
    path.write_text("\n".join((WIDE, *FILE)) + "\n")
    with open(console.folder / "data" / "import.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "under way" in console("import", "DIR", str(path), code=2).stderr
