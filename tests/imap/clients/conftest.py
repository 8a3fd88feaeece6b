"""People of the demo academy with mailboxes of their own."""

from collections.abc import Iterator

import pytest

from tests.harness import Instance
from tests.imap.clients.people import PASSWORD, Account

PEOPLE = 60
"""More than there are tests: they are imported at once, which is quicker than one by one."""


@pytest.fixture(scope="session")
def accounts(demo: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Active accounts nobody has used yet."""
    logins = [f"client{number}" for number in range(PEOPLE)]
    people = tmp_path_factory.mktemp("people") / "people.csv"
    people.write_text(
        "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"
        + "".join(f"Client,{login.title()},,teacher,,,,,{login},{PASSWORD}\n" for login in logins)
    )
    demo.command("import", "DIR", people, "--accept-passwords")
    certificate = demo.directory / "tls" / "cert.pem"
    return iter([Account(login, demo.ports["imap"], demo.ports["imaps"], certificate) for login in logins])


@pytest.fixture
def account(accounts: Iterator[Account]) -> Account:
    """One such account, for this test alone."""
    return next(accounts)
