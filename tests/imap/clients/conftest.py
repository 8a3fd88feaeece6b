"""People of the demo academy with mailboxes of their own."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from tests.harness import Instance
from tests.imap.clients.people import PASSWORD, Account

_numbers = count(1)


@pytest.fixture
def newcomer(demo: Instance, tmp_path: Path) -> Callable[[], Account]:
    """Makes active accounts nobody has used yet."""

    def make() -> Account:
        login = f"client{next(_numbers)}"
        people = tmp_path / f"{login}.csv"
        people.write_text(
            "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"
            f"Client,{login.title()},,teacher,,,,,{login},{PASSWORD}\n"
        )
        demo.command("import", "DIR", people, "--accept-passwords")
        certificate = demo.directory / "tls" / "cert.pem"
        return Account(login, demo.ports["imap"], demo.ports["imaps"], certificate)

    return make


@pytest.fixture
def account(newcomer: Callable[[], Account]) -> Account:
    """One such account."""
    return newcomer()
