"""SCRAM verifiers follow the password wherever it is set: by the administrator over LDAP, by its owner, by a hash."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ldap3 import MODIFY_REPLACE

from directory.issuing.hashing import Passwords
from mailserver.foundation.settings import Limits, LoginSettings
from mailserver.foundation.verifiers import Verifiers
from mailserver.model.credentials.sasl import Secret
from mailserver.model.credentials.sasl_scram import Verifier
from mailserver.store.account import verifiers
from tests.directory.server.door import BASE, PASSWORD, Academy, academy

LOGIN = "edupont"
DN = f"uid={LOGIN},ou=people,{BASE}"
OTHER = "Autre#2026x"


@pytest.fixture
def house(tmp_path: Path, sqlite_template: Path) -> Iterator[Academy]:
    with academy(tmp_path / "house", sqlite_template, Limits(), LoginSettings(scram=True)) as running:
        yield running
        running.hang_up()


@pytest.fixture
def admin(house: Academy) -> Any:
    return house.connect()


def is_kept(house: Academy, password: str) -> bool:
    """True when what is kept checks this password; nothing is kept when it checks none."""
    person = house.run(house.directory.find(LOGIN))
    assert person is not None
    sealed = house.run(house.store.read(verifiers.get, person.account_id))
    if sealed is None:
        return False
    opened = Verifiers(b"k" * 32).open(sealed)
    assert opened is not None
    return opened == Verifier.of(Secret(password), opened.salt)


def is_anything_kept(house: Academy) -> bool:
    person = house.run(house.directory.find(LOGIN))
    assert person is not None
    return house.run(house.store.read(verifiers.get, person.account_id)) is not None


def replace(admin: Any, *values: str) -> None:
    assert admin.modify(DN, {"userPassword": [(MODIFY_REPLACE, list(values))]})[0]


def hashed(password: str) -> str:
    hasher = Passwords(threads=1)
    try:
        return "{ARGON2}" + hasher.hash_now(Secret(password))
    finally:
        hasher.close()


@pytest.mark.parametrize("given", [PASSWORD, hashed(PASSWORD)], ids=["password", "hash"])
def test_an_entry_with_a_password(house: Academy, admin: Any, given: str) -> None:
    entry = {"givenName": "Emma", "sn": "Dupont", "cn": "Emma Dupont", "userPassword": given}
    assert admin.add(DN, ["inetOrgPerson", "acadPerson"], entry)[0]
    assert is_kept(house, PASSWORD) is (given == PASSWORD)
    assert is_anything_kept(house) is (given == PASSWORD)
    assert house.client(DN, PASSWORD).bind()[0]


def test_what_the_administrator_replaces_and_withdraws(house: Academy, admin: Any) -> None:
    house.activate(house.add("Emma", "Dupont"))
    assert is_kept(house, PASSWORD)
    replace(admin, OTHER)
    assert is_kept(house, OTHER)
    replace(admin, hashed(PASSWORD))
    assert not is_anything_kept(house)
    replace(admin, OTHER)
    assert is_kept(house, OTHER)
    replace(admin)
    assert not is_anything_kept(house)


def test_the_operation_that_changes_passwords(house: Academy, admin: Any) -> None:
    """RFC 3062, by the administrator and by oneself."""
    house.activate(house.add("Emma", "Dupont"))
    made = admin.extend.standard.modify_password(DN)
    assert is_kept(house, str(made))
    assert admin.extend.standard.modify_password(DN, None, PASSWORD)
    assert is_kept(house, PASSWORD)
    own = house.connect(DN, PASSWORD)
    assert own.extend.standard.modify_password(DN, PASSWORD, "kT9#vbRe!mq")
    assert is_kept(house, "kT9#vbRe!mq")


def test_none_are_kept_where_none_are_wanted(tmp_path: Path, sqlite_template: Path) -> None:
    with academy(tmp_path / "house", sqlite_template, Limits()) as running:
        running.activate(running.add("Emma", "Dupont"))
        assert not is_anything_kept(running)
        running.hang_up()
