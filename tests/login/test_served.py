"""Through the doors of a running server with two workers: what the console does is felt at once."""

import imaplib
import json
import smtplib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness import Instance
from tests.waiting import FELT, until

PASSWORD = "comme on veut"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = Instance(tmp_path_factory.mktemp("login") / "instance")
    instance.init()
    instance.start("--workers", "2")
    yield instance
    instance.stop()


def person(instance: Instance, given_name: str, surname: str) -> str:
    """An active account; its identifier."""
    named = ("--given-name", given_name, "--surname", surname, "--role", "teacher")
    made: dict[str, Any] = json.loads(instance.command("account", "create", "DIR", *named, "--json").stdout)
    instance.command("account", "passwd", "DIR", made["login"], stdin=f"{PASSWORD}\n")
    return str(made["login"])


def enters(instance: Instance, login: str, password: str = PASSWORD) -> bool:
    try:
        instance.imap(login, password).logout()
    except imaplib.IMAP4.error:
        return False
    return True


def receives(instance: Instance, address: str) -> tuple[int, bytes]:
    """What the exchange answers to RCPT."""
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=30) as client:
        client.ehlo("client.example")
        client.mail("somebody@example.org")
        return client.rcpt(address)


def test_an_account_made_while_the_server_runs_enters_and_receives(served: Instance) -> None:
    login = person(served, "Émilie", "Dupont")
    assert receives(served, f"{login}@ac-exemple.fr")[0] == 250
    for name in (login, login.upper(), "emilie.dupont@ac-exemple.fr"):
        assert enters(served, name)
    assert not enters(served, login, "wrong")


def test_questions_under_way_are_looked_into_before_a_worker_ends(tmp_path: Path) -> None:
    """Whoever asked for a code was told that it comes, and does not ask again."""
    instance = Instance(tmp_path / "instance")
    instance.init()
    instance.start("--workers", "1")
    with httpx.Client(base_url=f"http://127.0.0.1:{instance.ports['http']}", headers={"accept-language": "fr"}) as page:
        for _ in range(6):
            mark = page.get("/initialiser").text.split('name="m_" value="', 1)[1].split('"', 1)[0]
            fields = {"m_": mark, "identifiant": "admin", "naissance": "14/07/1985", "numero": "21E2600123ABC"}
            assert page.post("/initialiser", data=fields).status_code == 200
        instance.stop()
    asked = instance.command("account", "log", "DIR", "--action", "recovery-asked", "--json").stdout
    assert len(json.loads(asked)) == 6


def test_suspension_is_felt_by_logins_and_mail(served: Instance) -> None:
    login = person(served, "Samir", "Kaci")
    assert enters(served, login)
    assert receives(served, f"{login}@ac-exemple.fr")[0] == 250
    served.command("account", "suspend", "DIR", login)
    until(lambda: not enters(served, login), FELT)
    until(lambda: receives(served, f"{login}@ac-exemple.fr")[1].startswith(b"5.2.1"), FELT)
    served.command("account", "resume", "DIR", login)
    until(lambda: enters(served, login), FELT)
    served.command("account", "delete", "DIR", login)
    until(lambda: not enters(served, login), FELT)
    until(lambda: receives(served, f"{login}@ac-exemple.fr")[0] == 550, FELT)


def test_a_new_password_is_felt(served: Instance) -> None:
    login = person(served, "Anne", "Roy")
    assert enters(served, login)
    served.command("account", "passwd", "DIR", login, stdin="tout autre chose\n")
    until(lambda: not enters(served, login), FELT)
    assert enters(served, login, "tout autre chose")


def test_a_list_made_while_the_server_runs_receives(served: Instance) -> None:
    login = person(served, "Marc", "Petit")
    assert receives(served, "profs@ac-exemple.fr")[0] == 550
    served.command("list", "create", "DIR", "profs", "-m", login)
    until(lambda: receives(served, "profs@ac-exemple.fr")[0] == 250, FELT)
