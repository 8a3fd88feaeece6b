"""A whole academy goes to PostgreSQL and object storage and comes back: what its people's programs know stays true."""

import contextlib
import hashlib
import imaplib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.agenda.conftest import Client
from tests.harness import DEMO_PASSWORD, Instance
from tests.object_storage import BUCKET, KEY, ObjectStorage
from tests.operations.health.test_damage import fill, mail

AGENDA = "/dav/edupont/agenda/"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    server = ObjectStorage(tmp_path_factory.mktemp("objects"))
    server.start()
    yield server
    server.stop()


def move(instance: Instance, *words: object, code: int = 0) -> Any:
    result = instance.command("move", "DIR", *words, "--json", check=False)
    assert result.returncode == code, result.stderr
    return json.loads(result.stdout)


def seen(instance: Instance) -> dict[str, object]:
    """What programs of edupont compare with what they know: mail, folders, agenda."""
    with instance.imap("edupont") as client:
        client.enable("CONDSTORE")
        found: dict[str, object] = {"subscribed": sorted(client.lsub()[1], key=repr)}
        for line in client.list()[1]:
            assert isinstance(line, bytes)
            name = line.decode().rpartition('"/" ')[2]
            client.select(name, readonly=True)
            numbers = [client.response(key)[1] for key in ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ", "EXISTS")]
            found[name] = (numbers, messages(client))
    with Client(f"http://127.0.0.1:{instance.ports['http']}", "edupont", DEMO_PASSWORD) as client:
        found["etags"] = {path: each["D:getetag"].text for path, each in events(client).items() if "D:getetag" in each}
        found["token"] = client.propfind(AGENDA, "D:sync-token")[AGENDA]["D:sync-token"].text
    return found


def events(client: Client) -> Any:
    return client.propfind(AGENDA, "D:getetag", depth=1)


def messages(client: imaplib.IMAP4) -> dict[str, str]:
    """UID, flags, mod-sequence and dates of each message, and its octets' digest."""
    kind, given = client.uid("FETCH", "1:*", "(FLAGS MODSEQ INTERNALDATE RFC822.SIZE EMAILID BODY.PEEK[])")
    assert kind == "OK"
    return {
        re.sub(rb"BODY\[\].*", b"", part[0]).decode(): hashlib.sha256(part[1]).hexdigest()
        for part in given
        if isinstance(part, tuple)
    }


def browser(instance: Instance) -> httpx.Client:
    """Logged in."""
    client = httpx.Client(base_url=f"http://127.0.0.1:{instance.ports['http']}", follow_redirects=True, timeout=60)
    mark = client.get("/login").text.partition('name="m_" value="')[2].partition('"')[0]
    client.post("/connexion", data={"m_": mark, "identifiant": "mmartin", "mot_de_passe": DEMO_PASSWORD})
    assert client.get("/s/").status_code == 200
    return client


def live(instance: Instance) -> None:
    """What people do with mail."""
    with instance.imap("edupont") as client:
        client.create("&AMk-l&AOg-ves")
        client.subscribe("Preuves")
        client.subscribe("Disparu")
        client.select("Preuves")
        client.store("2,3", "+FLAGS", "(\\Flagged $Important mien)")
        client.store("5", "+FLAGS", "(\\Deleted)")
        client.expunge()


def over(instance: Instance, url: str, storage: ObjectStorage, prefix: str) -> tuple[object, ...]:
    """What its operator prepares, and the options of the move."""
    key = instance.directory / "secrets" / "octets"
    key.write_text("\n".join(KEY))
    key.chmod(0o600)
    return ("--to", url, "--octets", f"s3://{BUCKET}/{prefix}", "--endpoint", storage.endpoint)


def test_to_postgresql_and_object_storage(
    fresh: Callable[..., Instance], server_url: str, storage: ObjectStorage, tmp_path: Path
) -> None:
    """Brought while it serves, ended once it is stopped; sessions and passwords go on; every message reads the same."""
    instance = fresh("--demo")
    words = over(instance, server_url, storage, "academie")
    instance.start("--workers", "1")
    fill(instance)
    live(instance)
    with contextlib.closing(browser(instance)) as cookies:
        brought = move(instance, *words, code=1)
        assert (brought["ended"], brought["files"]) == (False, 3)
        assert str(instance.pid) in brought["served_by"][0]
        with instance.imap("edupont") as client:
            client.append("Preuves", None, None, mail(50, 300_000))
        before = seen(instance)
        instance.stop()

        moved = move(instance, *words)
        assert moved["ended"]
        assert (moved["files"], moved["put"] < brought["put"] / 10) == (1, True), "only what came since"
        assert "digest" not in moved["tables"]["message"], "and nothing else was read"
        assert len(list((storage.root / "academie").rglob("*/*"))) == 4
        assert f'url = "{server_url}"' in (instance.directory / "mailserver.toml").read_text()
        old = Instance(tmp_path / "old")
        shutil.copytree(instance.directory, old.directory)
        (old.directory / "mailserver.toml").write_text((old.directory / "mailserver.toml.before-move").read_text())
        assert "was moved to postgresql://" in old.command("account", "list", "DIR", check=False).stderr

        instance.start("--workers", "1")
        assert seen(instance) == before
        assert cookies.get("/s/").status_code == 200, "nobody has to log in again"


@pytest.mark.long
def test_and_back(fresh: Callable[..., Instance], server_url: str, storage: ObjectStorage, tmp_path: Path) -> None:
    """What was there before it left, and what came meanwhile."""
    instance = fresh("--demo")
    words = over(instance, server_url, storage, "retour")
    plan = move(instance, *words, "--plan")
    assert (plan["state"], plan["files"], plan["has_room"], plan["rows"] > 2000) == ("empty", 0, True, True)
    assert move(instance, *words)["ended"]
    instance.start("--workers", "1")
    fill(instance)
    live(instance)
    before = seen(instance)
    instance.stop()

    (instance.directory / "data" / "mail.db").rename(tmp_path / "removed.db")
    home = f"sqlite:///{instance.directory / 'data' / 'mail.db'}"
    back = move(instance, "--to", home, "--octets", instance.directory / "data" / "blobs")
    assert (back["ended"], back["files"]) == (True, 3)
    checked = json.loads(instance.command("check", "--deep", "--no-dns", "--json", "DIR", check=False).stdout)
    assert [one for one in checked if one["grade"] == "problem"] == []
    instance.start("--workers", "1")
    assert seen(instance) == before


@pytest.mark.long
def test_octets_alone_to_object_storage_and_back(fresh: Callable[..., Instance], storage: ObjectStorage) -> None:
    """The database stays where it is; what is large is read from where it went, and from where it came back to."""
    instance = fresh("--demo")
    words = over(instance, "", storage, "seuls")[2:]
    instance.start("--workers", "1")
    fill(instance)
    live(instance)
    brought = move(instance, *words, code=1)
    assert (brought["ended"], brought["files"], brought["put"]) == (False, 3, 0)
    with instance.imap("edupont") as client:
        client.append("Preuves", None, None, mail(51, 300_000))
    before = seen(instance)
    instance.stop()
    moved = move(instance, *words)
    assert (moved["ended"], moved["files"], moved["tables"]) == (True, 1, {})
    assert len(list((storage.root / "seuls").rglob("*/*"))) == 4
    blobs = instance.directory / "data" / "blobs"
    aside = blobs.rename(blobs.with_name("blobs-before"))
    instance.start("--workers", "1")
    assert seen(instance) == before
    with instance.imap("edupont") as client:
        client.append("Preuves", None, None, mail(52, 300_000))
    before = seen(instance)
    instance.stop()
    aside.rename(blobs)
    back = move(instance, "--octets", blobs)
    assert (back["ended"], back["files"]) == (True, 5), "what lay there before is not believed"
    shutil.rmtree(storage.root / "seuls")
    instance.start("--workers", "1")
    assert seen(instance) == before


def test_what_cannot_be_used_is_one_sentence(fresh: Callable[..., Instance], tmp_path: Path) -> None:
    instance, other = fresh(), fresh("--demo")
    settings = (instance.directory / "mailserver.toml").read_text()
    empty = tmp_path / "blobs"
    empty.mkdir()

    def said(*words: object) -> str:
        result = instance.command("move", "DIR", *words, check=False)
        assert result.returncode in (1, 2)
        assert "Traceback" not in result.stderr
        assert len(result.stderr.splitlines()) == 1
        return result.stderr

    there = other.directory / "data" / "mail.db"
    assert "[database] url is not like" in said("--to", "mysql://x/y")
    assert "is not empty" in said("--to", f"sqlite:///{there}")
    assert "does not exist" in said("--to", f"sqlite:///{tmp_path / 'no' / 'mail.db'}")
    assert "does not exist" in said("--to", f"sqlite:///{tmp_path / 'm.db'}", "--octets", tmp_path / "none")
    assert "another instance" in said(
        "--to", f"sqlite:///{tmp_path / 'm.db'}", "--octets", other.directory / "data" / "blobs"
    )
    assert "cannot be used" in said("--to", "postgresql://nobody@127.0.0.1:1/x")
    assert not (tmp_path / "m.db").exists()
    assert (instance.directory / "mailserver.toml").read_text() == settings
    url = f"sqlite:///{tmp_path / 'm.db'}"
    assert move(instance, "--to", url, "--octets", empty)["ended"]
    assert instance.command("move", "DIR", "--to", url).stdout.count("\n") == 1, "nothing is left to do"
    assert "say what" in said()
    home = instance.directory / "data" / "blobs"
    (home / "instance-id").rename(tmp_path / "old-id")
    assert move(instance, "--octets", home)["ended"], "files alone"
    assert "No move" in instance.command("move", "DIR", "--abandon").stdout
    assert '"admin"' in instance.command("account", "list", "DIR", "--json").stdout
