"""Agendas, address books, lists and an erased account out of a real backup; what may not come back, and what has no
room. Beside a served instance."""

import json
from contextlib import closing
from dataclasses import replace
from sqlite3 import connect

import httpx
import pytest

from directory.lists import rosters
from directory.lists.rosters import ListChange, ListSettings
from mailserver.model.errors import Reason, Refused
from mailserver.operations.partial_restore import agendas, lists, mail, whose
from mailserver.operations.partial_restore.agendas import AgendaReport, AgendaRestore
from mailserver.operations.partial_restore.mail import MailReport, MailRestore
from mailserver.operations.partial_restore.whose import Owner, Run
from mailserver.store.account import accounts
from mailserver.store.mail import messages
from mailserver.store.people.mailing_lists import lists as stored
from tests.harness import DEMO_PASSWORD, Instance
from tests.operations.partial_restore.conftest import Academy

pytestmark = [pytest.mark.needs("restic"), pytest.mark.usefixtures("quick_restic")]
DOMAIN = "ac-exemple.fr"
LIST = f"anglais@{DOMAIN}"


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


def owner(run: Run, login: str) -> Owner:
    standing = run.store.read_now(accounts.by_login, login)
    return whose.find(run.backup, run.store, standing.id if standing else 0, login, DOMAIN)


def messages_of(run: Run, login: str, wanted: mail.Wanted, *, plan: bool = False) -> MailReport:
    return MailRestore(run, owner(run, login), wanted, plan=plan).run()


def items_of(run: Run, login: str, wanted: agendas.Wanted, *, plan: bool = False) -> AgendaReport:
    return AgendaRestore(run, owner(run, login), wanted, plan=plan).run()


def test_what_else_comes_back(academy: Academy) -> None:
    academy.back_up()
    academy.instance.start("--workers", "1")
    with academy.opened() as run:
        events_and_contacts(run, academy.instance)
        taken_back(run, academy.instance)
        everything_and_no_room(run, academy.instance)
        unknown(run)
        a_list(run)
        erased(run, academy.instance)
    by_command(academy)
    assert "goes with" in academy.restore("--folder", "INBOX", code=2)
    assert "not go together" in academy.restore("--account", "x", "--mailing-list", "y", code=2)


def events_and_contacts(run: Run, instance: Instance) -> None:
    """A deleted card into its book; a deleted event, and one as it was before it changed, beside the agenda."""
    with Dav(instance) as dav:
        books = dav.hrefs()
        cards, events = sorted(dav.hrefs("contacts/")), sorted(dav.hrefs("agenda/"))
        gone, changed = dav.read(events[0]), dav.read(events[1])
        dav.remove(events[0])
        dav.write(events[1], changed.replace("SUMMARY:", "SUMMARY:Reporté - "))
        card = dav.read(cards[0])
        dav.remove(cards[0])

        assert items_of(run, "edupont", agendas.Wanted("contacts", in_place=True)).items == 1
        assert sorted(dav.hrefs("contacts/")) == cards
        assert dav.read(cards[0]) == card

        planned = items_of(run, "edupont", agendas.Wanted(), plan=True)
        assert dav.hrefs() == books
        done = items_of(run, "edupont", agendas.Wanted())
        assert (done.items, planned.items, done.there) == (2, 2, planned.there)
        assert "Agenda (restauré le " in next(iter(done.collections))
        (beside,) = dav.hrefs() - books
        assert {dav.read(href) for href in dav.hrefs(f"{beside.split('/')[-2]}/")} == {gone, changed}
        assert "Reporté" in dav.read(events[1]), "nothing is written over"
        assert items_of(run, "edupont", agendas.Wanted()).items == 0


def taken_back(run: Run, instance: Instance) -> None:
    """What the academy took back stays away, though further copies are not refused."""
    with closing(connect(instance.directory / "data" / "mail.db")) as database:
        (message_id,) = database.execute(
            "SELECT c.message_id FROM message m JOIN content c ON c.id = m.content_id"
            " JOIN mailbox b ON b.id = m.mailbox_id JOIN account a ON a.id = b.account_id"
            " WHERE a.login = 'mmartin' AND m.door = 3 ORDER BY m.uid LIMIT 1"
        ).fetchone()
    instance.command("withdraw", "take", "DIR", message_id, "--refuse", "0")
    for plan in (True, False):
        report = messages_of(run, "mmartin", mail.Wanted(message_id=message_id), plan=plan)
        assert (report.messages, report.barred) == (0, 1)


def everything_and_no_room(run: Run, instance: Instance) -> None:
    """Nothing is put beyond a quota; with room it is. What is there comes only when it is asked for, and once."""
    with instance.imap("rleroy") as client:
        count = int(client.select("INBOX")[1][0] or b"")
        client.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
        client.expunge()
    number, wanted = owner(run, "rleroy").account_id, mail.Wanted("inbox")
    run.store.write_now(messages.set_message_quota, number, 1)
    assert messages_of(run, "rleroy", wanted, plan=True).full
    report = messages_of(run, "rleroy", wanted)
    assert (report.messages, report.full) == (0, True)
    run.store.write_now(messages.set_message_quota, number, -1)
    assert messages_of(run, "rleroy", wanted).folders == {"INBOX": count}
    assert messages_of(run, "rleroy", wanted).there == count
    assert messages_of(run, "rleroy", replace(wanted, everything=True)).messages == 0, "the tree has them"
    sent = messages_of(run, "rleroy", mail.Wanted("Sent", everything=True))
    assert sent.folders == {"Sent": sent.messages}
    assert sent.messages
    assert messages_of(run, "rleroy", mail.Wanted("Sent", everything=True)).messages == 0


def by_command(academy: Academy) -> None:
    """One message, and a list, as they are asked for at a terminal."""
    instance = academy.instance

    def members() -> list[str]:
        found: list[str] = json.loads(instance.command("list", "show", "DIR", "anglais", "--json").stdout)["members"]
        return found

    with instance.imap("mmartin") as client:
        client.select("INBOX")
        (found, *_) = client.fetch("1", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
        assert isinstance(found, tuple)
        client.store("1", "+FLAGS.SILENT", "(\\Deleted)")
        client.expunge()
    done = academy.restore("--account", "mmartin", "--message", found[1].decode().partition(":")[2].strip())
    assert (done["mail"]["messages"], done["mail"]["folders"], done["agendas"]) == (1, {"INBOX": 1}, None)
    member, *_ = before = members()
    instance.command("list", "members", "DIR", "anglais", "--remove", member)
    words = ("restore", academy.target, "DIR", "--key-file", academy.key, "--mailing-list", "anglais")
    assert f"+ {member}" in instance.command(*words).stdout.splitlines()
    instance.command(*words, "--apply")
    assert members() == before


def unknown(run: Run) -> None:
    """What was not in the backup is one sentence."""
    with pytest.raises(Refused, match="this account was not in this backup"):
        owner(run, "personne")
    for wanted in (mail.Wanted("Rien"), mail.Wanted(message_id="<rien@rien>")):
        with pytest.raises(Refused, match="in this backup"):
            messages_of(run, "edupont", wanted)
    with pytest.raises(Refused, match="was not in this backup"):
        items_of(run, "edupont", agendas.Wanted("rien"))


def a_list(run: Run) -> None:
    """Shown as a difference, made as it was, made anew, made beside."""
    store, list_settings = run.store, ListSettings.of(run.settings)
    before = store.read_now(lists.read, LIST)
    assert before is not None
    store.write_now(rosters.edit, LIST, [f"rleroy@{DOMAIN}"], before.members[:1])
    store.write_now(rosters.change, list_settings, LIST, ListChange(name="Autre"), run.origin)
    report = lists.restore_list(run, list_settings, LIST)
    assert (report.exists, report.applied) == (True, False)
    assert (report.added, report.removed) == ([before.members[0]], [f"rleroy@{DOMAIN}"])
    assert report.settings == {"name": ("Autre", before.name)}
    assert lists.restore_list(run, list_settings, LIST, apply=True).applied
    assert store.read_now(lists.read, LIST) == before
    assert not lists.restore_list(run, list_settings, LIST).differs
    store.write_now(rosters.delete, LIST)
    lists.restore_list(run, list_settings, LIST, apply=True)
    assert store.read_now(lists.read, LIST) == before
    lists.restore_list(run, list_settings, LIST, beside=f"english@{DOMAIN}", apply=True)
    assert store.read_now(stored.members, f"english@{DOMAIN}") == before.members
    with pytest.raises(Refused, match="was not in this backup"):
        lists.restore_list(run, list_settings, f"rien@{DOMAIN}")


def erased(run: Run, instance: Instance) -> None:
    """Only when somebody says so; then with its identifier, closed until somebody opens it."""
    with instance.imap("skaci") as client:
        count = int(client.select("INBOX")[1][0] or b"")
    with pytest.raises(Refused, match="being erased"):
        whose.bring_back(run, replace(owner(run, "skaci"), erased=True), even_erased=True, plan=False)
    instance.command("account", "close", "DIR", "skaci")
    instance.command("account", "erase", "DIR", "skaci", "--yes")
    gone = owner(run, "skaci")
    with pytest.raises(Refused, match="on purpose") as refused:
        whose.bring_back(run, gone, even_erased=False, plan=False)
    assert refused.value.reason is Reason.FORBIDDEN
    assert whose.bring_back(run, gone, even_erased=True, plan=True)
    assert owner(run, "skaci").erased, "a plan changes nothing"
    assert whose.bring_back(run, gone, even_erased=True, plan=False)
    report = messages_of(run, "skaci", mail.Wanted())
    assert report.folders["INBOX"] == count
    assert items_of(run, "skaci", agendas.Wanted()).items
    standing = run.store.read_now(accounts.by_login, "skaci")
    assert standing is not None
    assert (standing.state.value, standing.erase_at, standing.erased) == ("closed", 0, 0)
    instance.command("account", "restore", "DIR", "skaci")
    with instance.imap("skaci") as client:
        client.enable("UTF8=ACCEPT")
        assert client.select(f'"{report.tree}/INBOX"')[1] == [str(count).encode()]
        assert client.select("INBOX")[1] == [b"2"], "what its owner is told, of messages and of agendas"
