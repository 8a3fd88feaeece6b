"""The plug is pulled while letters wait and while they leave: each arrives, once."""

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing

import httpx
import pytest

from tests.harness import Instance

PASSWORD = "Craie-Bleue#31"
LETTERS = 12
PEOPLE = (
    "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"
    f"Essai,Ada,1980-01-01,teacher,,,,,ada,{PASSWORD}\nEssai,Bob,1980-01-01,teacher,,,,,bob,{PASSWORD}\n"
)


def mark(page: httpx.Response) -> str:
    found = re.search(r'name="m_"\s+value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def write_letters(instance: Instance) -> None:
    """A dozen letters that wait for five seconds, through the form."""
    base = f"http://127.0.0.1:{instance.ports['http']}"
    with httpx.Client(base_url=base, follow_redirects=True, timeout=60) as browser:
        login = {"m_": mark(browser.get("/roundcube")), "interface": "simple"}
        browser.post("/connexion", data={**login, "identifiant": "ada", "mot_de_passe": PASSWORD})
        for number in range(LETTERS):
            page = browser.get("/s/ecrire")
            key = re.search(r'name="cle"\s+value="([^"]+)"', page.text)
            assert key
            answer = browser.post(
                "/s/ecrire",
                data={
                    "m_": mark(page),
                    "cle": key[1],
                    "a": "bob, dehors@exemple.invalid",
                    "objet": f"lettre {number}",
                    "texte": "x",
                    "faire": "envoyer",
                },
            )
            assert "data-envoi" in answer.text


def arrived(instance: Instance) -> Counter[str]:
    client = instance.imap("bob", PASSWORD)
    try:
        client.select("INBOX", readonly=True)
        _, found = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    finally:
        client.logout()
    subjects = [part[1].decode() for part in found if isinstance(part, tuple)]
    return Counter(match[1] for text in subjects if (match := re.search(r"(lettre \d+)\r\n", text)))


@pytest.mark.timeout(480)
def test_letters_survive_the_plug_and_leave_once(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    (instance.directory / "people.csv").write_text(PEOPLE)
    instance.command("import", "DIR", instance.directory / "people.csv", "--accept-passwords")
    with closing(sqlite3.connect(instance.directory / "data" / "mail.db")) as database:
        account = database.execute("select id from account where login = 'ada'").fetchone()[0]
        chosen = '{"version":1,"undo_send":5}'
        database.execute("insert into web_preference (account_id, chosen) values (?, ?)", (account, chosen))
        database.commit()
    instance.start("--workers", "2")
    try:
        write_letters(instance)
        deadline, life = time.monotonic() + 400, 1.0
        while sum(arrived(instance).values()) < LETTERS:
            assert time.monotonic() < deadline
            time.sleep(0.4)
            instance.kill()
            instance.start("--workers", "2")
            time.sleep(life)
            life += 0.5  # a busy machine comes to nothing in less
        time.sleep(2)
        assert arrived(instance) == Counter({f"lettre {number}": 1 for number in range(LETTERS)})
    finally:
        instance.kill()
