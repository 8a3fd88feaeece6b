"""Agendas, address books, lists and an erased account out of a real backup; what may not come back, and what has no
room. Beside a served instance."""

import json
from contextlib import closing
from sqlite3 import connect

import httpx
import pytest

from tests.harness import DEMO_PASSWORD, Instance
from tests.partial_restore.conftest import Academy

pytestmark = pytest.mark.needs("restic")
LIST = "anglais@ac-exemple.fr"


@pytest.fixture
def served(academy: Academy) -> Academy:
    """Backed up, and served."""
    academy.back_up()
    academy.instance.start("--workers", "1")
    return academy


class Dav:
    """A calendar program of Émilie Dupont's."""

    def __init__(self, instance: Instance) -> None:
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{instance.ports['http']}/dav/edupont/",
            auth=("edupont", DEMO_PASSWORD),
            timeout=60,
        )

    def __enter__(self) -> "Dav":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def hrefs(self, collection: str = "") -> set[str]:
        """What is one level below."""
        answer = self._client.request("PROPFIND", collection, headers={"Depth": "1"})
        found = {part.partition("</")[0] for part in answer.text.replace("D:href", "href").split("<href>")[1:]}
        here = f"/dav/edupont/{collection}"
        return {one for one in found if one.startswith(here) and one != here}

    def read(self, href: str) -> str:
        return self._client.get(self._whole(href)).text

    def write(self, href: str, text: str) -> None:
        assert self._client.put(self._whole(href), content=text).status_code in (201, 204)

    def remove(self, href: str) -> None:
        assert self._client.delete(self._whole(href)).status_code in (200, 204)

    def _whole(self, href: str) -> str:
        return str(self._client.base_url.join(href))


def test_events_and_contacts(served: Academy) -> None:
    with Dav(served.instance) as dav:
        books = dav.hrefs()
        cards, events = sorted(dav.hrefs("contacts/")), sorted(dav.hrefs("agenda/"))
        gone, changed = dav.read(events[0]), dav.read(events[1])
        dav.remove(events[0])
        dav.write(events[1], changed.replace("SUMMARY:", "SUMMARY:Reporté - "))
        card = dav.read(cards[0])
        dav.remove(cards[0])

        done = served.restore("--account", "edupont", "--agenda", "contacts", "--in-place")
        assert done["mail"] is None
        assert done["agendas"]["items"] == 1
        assert sorted(dav.hrefs("contacts/")) == cards
        assert dav.read(cards[0]) == card

        planned = served.restore("--account", "edupont", "--plan")["agendas"]
        done = served.restore("--account", "edupont")["agendas"]
        assert (planned["items"], done["items"], done["collections"]) == (2, 2, planned["collections"])
        (beside,) = dav.hrefs() - books
        assert {dav.read(href) for href in dav.hrefs(f"{beside.split('/')[-2]}/")} == {gone, changed}
        assert "Reporté" in dav.read(events[1]), "nothing is written over"
        assert "restauré le" in next(iter(done["collections"]))
        assert served.restore("--account", "edupont")["agendas"]["items"] == 0
    assert "was not" in served.restore("--account", "edupont", "--agenda", "rien", code=1)
    assert "goes with" in served.restore("--folder", "INBOX", code=2)

    taken_back(served)
    no_room(served)
    the_list(served)
    erased(served)


def taken_back(served: Academy) -> None:
    """What the academy took back stays away, though further copies are not refused."""
    with closing(connect(served.instance.directory / "data" / "mail.db")) as database:
        (message_id,) = database.execute(
            "SELECT c.message_id FROM message m JOIN content c ON c.id = m.content_id"
            " JOIN mailbox b ON b.id = m.mailbox_id JOIN account a ON a.id = b.account_id"
            " WHERE a.login = 'mmartin' AND m.door = 3 ORDER BY m.uid LIMIT 1"
        ).fetchone()
    served.instance.command("withdraw", "take", "DIR", message_id, "--refuse", "0")
    words = ("--account", "mmartin", "--message", message_id)
    for options in (("--plan",), ()):
        mail = served.restore(*words, *options)["mail"]
        assert (mail["messages"], mail["barred"]) == (0, 1)


def no_room(served: Academy) -> None:
    """Nothing is put beyond a quota; with room it is."""
    with served.instance.imap("rleroy") as client:
        count = int(client.select("INBOX")[1][0] or b"")
        client.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
        client.expunge()
    served.instance.command("account", "quota", "DIR", "rleroy", "--messages", "1")
    words = ("--account", "rleroy", "--folder", "inbox")
    assert served.restore(*words, "--plan", code=1)["mail"]["full"]
    mail = served.restore(*words, code=1)["mail"]
    assert (mail["messages"], mail["full"]) == (0, True)
    served.instance.command("account", "quota", "DIR", "rleroy", "--messages", "default")
    assert served.restore(*words)["mail"]["folders"] == {"INBOX": count}


def the_list(served: Academy) -> None:
    """Shown as a difference, made as it was, made anew, made beside."""
    academy = served.instance
    shown = json.loads(academy.command("list", "show", "DIR", LIST, "--json").stdout)
    same = ("members", "owners", "name", "writers", "moderated", "kind")
    academy.command("list", "members", "DIR", LIST, "--remove", shown["members"][0], "--add", "rleroy@ac-exemple.fr")
    academy.command("list", "set", "DIR", LIST, "--name", "Autre")
    report = served.restore("--mailing-list", "anglais")
    assert (report["added"], report["removed"]) == ([shown["members"][0]], ["rleroy@ac-exemple.fr"])
    assert report["settings"] == {"name": ["Autre", shown["name"]]}
    assert (report["exists"], report["applied"]) == (True, False)
    for delete in (False, True):
        if delete:
            academy.command("list", "delete", "DIR", LIST)
        assert served.restore("--mailing-list", LIST, "--apply")["applied"]
        now = json.loads(academy.command("list", "show", "DIR", LIST, "--json").stdout)
        assert [now[name] for name in same] == [shown[name] for name in same]
    served.restore("--mailing-list", LIST, "--as", "english", "--apply")
    beside = json.loads(academy.command("list", "show", "DIR", "english", "--json").stdout)
    assert beside["members"] == shown["members"]
    assert "was not" in served.restore("--mailing-list", "rien", code=1)


def erased(served: Academy) -> None:
    """Only when somebody says so; then with its identifier, closed until somebody opens it."""
    academy = served.instance
    with academy.imap("skaci") as client:
        count = int(client.select("INBOX")[1][0] or b"")
    academy.command("account", "close", "DIR", "skaci")
    academy.command("account", "erase", "DIR", "skaci", "--yes")
    assert "on purpose" in served.restore("--account", "skaci", code=1)
    planned = served.restore("--account", "skaci", "--even-erased", "--plan")
    assert planned["reopened"]
    assert "on purpose" in served.restore("--account", "skaci", code=1), "a plan changes nothing"
    done = served.restore("--account", "skaci", "--even-erased")
    assert (done["reopened"], done["mail"]["folders"]["INBOX"]) == (True, count)
    assert done["agendas"]["items"] == planned["agendas"]["items"] > 0
    state = json.loads(academy.command("account", "show", "DIR", "skaci", "--json").stdout)
    assert (state["state"], state["erase_at"], state["name"]) == ("closed", "", "Sofia Kaci")
    academy.command("account", "restore", "DIR", "skaci")
    with academy.imap("skaci") as client:
        client.enable("UTF8=ACCEPT")
        assert client.select(f'"{done["mail"]["tree"]}/INBOX"')[1] == [str(count).encode()]
        assert client.select("INBOX")[1] == [b"2"], "what its owner is told, of messages and of agendas"
