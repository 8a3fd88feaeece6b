"""An instance on PostgreSQL, backed up into object storage: tried, and an account brought back out of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.harness import Instance
from tests.object_storage import BUCKET, KEY, ObjectStorage
from tests.operations.health.test_damage import fetched, fill
from tests.postgres import Postgres

pytestmark = [pytest.mark.needs("restic"), pytest.mark.long]


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A target that restic knows by settings of its own alone."""
    server = ObjectStorage(tmp_path / "objects")
    server.start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY[1])
    yield f"s3:{server.endpoint}/{BUCKET}/sauvegarde"
    server.stop()


def relations(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = 'public' OR nspname = 'mailserver_trial'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_it_is_tried_and_an_account_comes_back(tmp_path: Path, postgres: Postgres, storage: str) -> None:
    """All of what the account no longer has; the database for trials is as empty as before, also after a killed one."""
    key = tmp_path / "key"
    key.write_text("une-cle-de-test-assez-longue\n")
    served, spare = postgres.create(), postgres.create()
    with psycopg.connect(served) as connection:  # a trial was killed here before it had brought anything
        connection.execute("CREATE SCHEMA mailserver_trial")
    instance = Instance(tmp_path / "academie")
    instance.init("--demo", "--database", served)
    instance.start("--workers", "1")

    def command(name: str, *words: object, code: int = 0) -> Any:
        result = instance.command(name, *words, "--key-file", key, "--json", check=False)
        assert result.returncode == code, result.stderr
        return json.loads(result.stdout) if result.stdout else result.stderr

    sent = fill(instance)
    made = command("backup", "DIR", storage, "--init")
    with instance.imap("edupont") as client:
        client.select("Preuves")
        client.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
        client.expunge()
        client.delete("Preuves")

    assert "--database" in command("backup", "DIR", storage, "--test", code=2)
    assert "not empty" in command("backup", "DIR", storage, "--test", "--database", served, code=2)
    for _ in range(2):
        tried = command("backup", "DIR", storage, "--test", "--database", spare)
        assert (tried["id"], tried["files"], tried["faults"]) == (made["id"], made["files"], [])
        assert tried["messages"] > len(sent)
        assert relations(spare) == 0
        with psycopg.connect(spare) as connection:  # what a killed trial leaves
            connection.execute("CREATE SCHEMA mailserver_trial")
            connection.execute("CREATE TABLE account (id bigint)")

    empty = postgres.create()
    done = command("restore", storage, "DIR", "--account", "edupont", "--database", empty)
    assert done["backup"] == made["id"]
    assert done["mail"]["folders"] == {"Preuves": len(sent)}
    with instance.imap("edupont") as client:
        client.enable("UTF8=ACCEPT")
        client.select(f'"{done["mail"]["tree"]}/Preuves"')
        assert list(fetched(client)[2].values()) == sent
    instance.stop()
