"""The display name and the common names that a provisioning tool gives a person are kept, found, and shown."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ldap3 import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE

from directory.people.embedded import EmbeddedDirectory
from directory.server.wire.messages import Code
from mailserver.model.identity import PersonChange, Principal, Role
from mailserver.store.engine.transactions import Store
from mailserver.store.record.audit import Action
from tests.directory.conftest import DOMAIN
from tests.directory.imports.importing import Importer
from tests.directory.server.door import BASE, Academy, academy, names_of
from tests.directory.server.test_ldap_people import add, dn_of, entry_of, found, history, modify
from tests.postgres import Postgres

SHOWN = {"cn": ["PETIT Marie", "Marie-Claire Petit"], "displayName": "Mme Petit-Durand"}


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Iterator[Academy]:
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    url = server.borrow() if server is not None else ""
    with academy(tmp_path / "house", sqlite_template, database=url) as running:
        yield running
        running.hang_up()
    if server is not None:
        server.give_back(url)


@pytest.fixture
def admin(house: Academy) -> Any:
    return house.connect()


@pytest.fixture
def marie(house: Academy, admin: Any) -> Principal:
    house.add("Marie", "Martin")
    assert add(admin, "mpetit", "Marie", "Petit", employeeType="teacher", **SHOWN) == 0
    return found(house, "mpetit")


def shown(admin: Any) -> tuple[list[str], list[str]]:
    held = entry_of(admin, "mpetit")
    return held["cn"], held["displayName"]


def test_what_is_given_is_kept_and_shown(house: Academy, admin: Any, marie: Principal) -> None:
    assert shown(admin) == (SHOWN["cn"], ["Mme Petit-Durand"])
    assert (marie.given_name, marie.surname, marie.address) == ("Marie", "Petit", f"marie.petit@{DOMAIN}")
    assert marie.name == "Mme Petit-Durand"
    # The address book finds them by any of their names.
    for words in ("petit-durand", "marie-claire", "marie petit"):
        (one,) = house.run(house.directory.search(words, 10))
        assert one.name == "Mme Petit-Durand"


@pytest.mark.parametrize(
    "wanted",
    [
        *("(cn=petit marie)", "(cn=Marie-Claire Petit)", "(cn=PETIT*)", "(cn=*claire*)", "(cn=*claire petit)"),
        *("(displayName=mme petit-durand)", "(displayName=Mme*)", "(displayName=*durand)", "(cn~=marie-claire pétit)"),
        *("(cn:caseIgnoreMatch:=petit marie)", "(&(cn=petit marie)(employeeType=teacher))", "(name=petit marie)"),
        "(|(cn=petit marie)(displayName=nobody))",
    ],
)
def test_filters_find_what_was_given(admin: Any, marie: Principal, wanted: str) -> None:
    assert names_of(admin, wanted) == [dn_of("mpetit")]


@pytest.mark.parametrize("wanted", ["(cn=Marie Petit)", "(displayName=Marie Petit)", "(cn=mme petit-durand)"])
def test_filters_do_not_find_what_is_not_shown(admin: Any, marie: Principal, wanted: str) -> None:
    assert names_of(admin, wanted) == []


def test_ldapsearch_and_people_see_it(house: Academy, marie: Principal) -> None:
    samir = house.add("Samir", "Kaci", Role.STAFF)
    house.activate(samir)
    (own,) = names_of(house.connect("skaci", "Academie#2026"), "(cn=petit marie)")
    assert own == dn_of("mpetit")
    done = house.tool("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", BASE, "(displayName=mme*)", "cn", "displayName")
    assert "displayName: Mme Petit-Durand\n" in done.stdout
    assert "cn: PETIT Marie\n" in done.stdout


def test_names_are_changed_and_deleted(house: Academy, admin: Any, marie: Principal) -> None:
    assert modify(admin, "mpetit", displayName="Marie P.", cn=(MODIFY_DELETE, ["petit marie"])) == (0, "")
    assert shown(admin) == (["Marie-Claire Petit"], ["Marie P."])
    assert modify(admin, "mpetit", cn=(MODIFY_ADD, ["M. Petit"])) == (0, "")
    assert shown(admin)[0] == ["Marie-Claire Petit", "M. Petit"]
    assert modify(admin, "mpetit", displayName=(MODIFY_DELETE, [])) == (0, "")
    assert shown(admin)[1] == ["Marie Petit"]
    assert modify(admin, "mpetit", cn=(MODIFY_DELETE, [])) == (0, "")
    assert shown(admin)[0] == ["Marie Petit"]
    # What follows from the names is not there to be deleted: an entry has a cn (RFC 4519 section 3.12).
    assert modify(admin, "mpetit", cn=(MODIFY_DELETE, []))[0] == Code.OBJECT_CLASS_VIOLATION
    now = found(house, "mpetit")
    assert (now.name, now.address, now.aliases) == ("Marie Petit", marie.address, marie.aliases)
    assert names_of(admin, "(cn=marie petit)") == [dn_of("mpetit")]
    assert names_of(admin, "(cn=*claire*)") == []
    told = [event.detail.values for event in history(house, marie.account_id) if event.action is Action.CHANGED]
    assert told == [{"fields": ("common_names", "display_name")}] * 4


def test_over_ldap_given_names_stay_when_others_change(house: Academy, admin: Any, marie: Principal) -> None:
    assert modify(admin, "mpetit", sn="Grand", givenName="Anne") == (0, "")
    assert shown(admin) == (SHOWN["cn"], ["Mme Petit-Durand"])
    assert found(house, "mpetit").address == f"anne.grand@{DOMAIN}"
    assert modify(admin, "mpetit", displayName="Anne Grand", cn="Anne Grand") == (0, "")
    assert modify(admin, "mpetit", sn="Petit") == (0, "")
    assert shown(admin) == (["Anne Petit"], ["Anne Petit"])


def test_a_name_changed_elsewhere_takes_them_along(house: Academy, admin: Any, marie: Principal) -> None:
    house.run(house.directory.change(marie.account_id, PersonChange(discipline="Maths")))
    assert shown(admin) == (SHOWN["cn"], ["Mme Petit-Durand"])
    now = house.run(house.directory.change(marie.account_id, PersonChange(surname="Grand")))
    assert (now.name, shown(admin)) == ("Marie Grand", (["Marie Grand"], ["Marie Grand"]))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"displayName": "Marie\r\nPetit"}, Code.CONSTRAINT_VIOLATION),
        ({"displayName": "Marie\u202ePetit"}, Code.CONSTRAINT_VIOLATION),
        ({"displayName": "Marie\u2028Petit"}, Code.CONSTRAINT_VIOLATION),
        ({"displayName": ["Marie", "Petit"]}, Code.CONSTRAINT_VIOLATION),
        ({"cn": "Marie\x00Petit"}, Code.INVALID_ATTRIBUTE_SYNTAX),
        ({"cn": "Marie\u200bPetit"}, Code.CONSTRAINT_VIOLATION),
        ({"cn": "21E2600123ABC"}, Code.CONSTRAINT_VIOLATION),
        ({"cn": "x" * 201}, Code.CONSTRAINT_VIOLATION),
        ({"cn": [f"Marie {number}" for number in range(11)]}, Code.ADMIN_LIMIT_EXCEEDED),
    ],
)
def test_names_are_one_line_and_few(
    house: Academy, admin: Any, marie: Principal, more: dict[str, Any], code: Code
) -> None:
    assert add(admin, "other", "Marie", "Petit", **more) == code
    assert house.run(house.directory.find("other")) is None
    assert modify(admin, "mpetit", **more)[0] == code
    assert shown(admin) == (SHOWN["cn"], ["Mme Petit-Durand"])


@pytest.mark.parametrize("name", ["recteur@ac-exemple.fr", "Recteur \uff20 ac-exemple.fr", "Le recteur <sic>"])
def test_nobody_is_shown_under_an_address(house: Academy, admin: Any, marie: Principal, name: str) -> None:
    """The directory keeps it; where people read who somebody is, they read the name."""
    assert modify(admin, "mpetit", displayName=name) == (0, "")
    assert shown(admin)[1] == [name]
    assert found(house, "mpetit").name == "Marie Petit"


def test_nobody_writes_their_own(house: Academy, marie: Principal) -> None:
    house.activate(marie)
    own = house.connect("mpetit", "Academie#2026")
    for name in ("cn", "displayName"):
        assert modify(own, "mpetit", **{name: (MODIFY_REPLACE, ["Le recteur"])})[0] == Code.INSUFFICIENT_ACCESS_RIGHTS
    assert found(house, "mpetit").name == "Mme Petit-Durand"


# ---------------------------------------------------------------------------- imports

LINE = "Marie,Petit,1980-02-29,teacher,21E2600123ABC,,0210006T,Maths,,"


def test_imports_keep_them_until_the_name_changes(embedded: EmbeddedDirectory, store: Store, tmp_path: Path) -> None:
    importer = Importer(embedded, store, tmp_path)

    def names() -> tuple[str, str, tuple[str, ...]]:
        entry = importer.entry("mpetit")
        return entry.name, entry.surname, entry.common_names

    importer(LINE)
    given = PersonChange(display_name="Mme Petit-Durand", common_names=("PETIT Marie", "M. Petit"))
    asyncio.run(embedded.change(importer.entry("mpetit").account_id, given))
    importer(LINE.replace("0210006T", "0890001T"))
    assert names() == ("Mme Petit-Durand", "Petit", ("PETIT Marie", "M. Petit"))
    done = importer(LINE.replace("Petit", "Grand"))
    assert names() == ("Marie Grand", "Grand", ())
    details = {detail.name: (detail.before, detail.after) for detail in done.heard.results[0].details}
    assert details["display_name"] == ("Mme Petit-Durand", "")
    assert importer.undo(done.run_id).left == ()
    assert names() == ("Mme Petit-Durand", "Petit", ("PETIT Marie", "M. Petit"))
