"""`mailserver upgrade`: what it says, what it does, what it refuses, and the way back, with a lived-in academy."""

import json
import os
import signal
import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from mailserver import __version__
from mailserver.foundation.instance_lock import Note, hold, leave_note
from mailserver.foundation.settings import load
from mailserver.store.engine import migrate
from mailserver.store.engine.migrate import FIRST_WITH_NOTES
from tests.harness import Instance
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, fresh: Callable[..., Instance], tmp_path: Path) -> Iterator[Instance]:
    """The demo academy, taken back to the schema before the first that can be undone."""
    server: Postgres | None = None
    if request.param == "sqlite":
        instance, url = fresh("--demo"), ""
    else:
        server = request.getfixturevalue("postgres")
        assert server is not None
        instance, url = Instance(tmp_path / "var"), server.create()
        instance.init("--demo", "--database", url)
    settings = load(instance.directory)
    with migrate.locked(settings.database_url, settings.data) as connection:
        migrate.downgrade_over(connection, migrate.before(FIRST_WITH_NOTES))
    yield instance
    if server is not None:
        instance.stop()
        server.drop(url)


def counts(instance: Instance) -> dict[str, int]:
    """Rows of what people would miss."""
    settings = load(instance.directory)
    with migrate.reading(settings.database_url) as connection:
        return {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in ("account", "mailbox", "message", "content", "item", "audit")
        }


def plan(instance: Instance) -> dict[str, object]:
    """Without what the disk says, which others fill, too."""
    found: dict[str, object] = json.loads(instance.command("upgrade", "DIR", "--plan", "--json").stdout)
    return {name: value for name, value in found.items() if not name.endswith("_octets")}


def test_there_and_back_with_everything_that_people_have(old: Instance) -> None:
    before = counts(old)
    planned = plan(old)
    also = json.loads(old.command("migrate", "DIR", "--plan", "--json").stdout)
    assert {name: value for name, value in also.items() if name in planned} == planned
    assert planned["version"] == __version__
    assert planned["needs_stop"] is False
    steps = planned["steps"]
    assert isinstance(steps, list)
    assert steps[0]["revision"] == FIRST_WITH_NOTES
    said = old.command("upgrade", "DIR", "--plan").stdout
    assert f"{FIRST_WITH_NOTES}  Which versions may serve" in said
    assert "`mailserver restart` is enough" in said
    assert plan(old) == planned, "a plan changes nothing"
    assert f"{planned['instance_schema']} → {planned['schema']}" in old.command("upgrade", "DIR").stdout
    assert counts(old) == before
    assert "Nothing to do" in old.command("upgrade", "DIR").stdout
    done = plan(old)
    assert (done["steps"], done["back_to"], done["back_needless"]) == ([], planned["instance_schema"], True)
    assert done["upgraded_by"] == __version__
    assert "as it is" in old.command("upgrade", "DIR", "--plan").stdout
    # Somebody who does not say yes changes nothing.
    assert old.command("upgrade", "DIR", "--back", stdin="n\n", check=False).returncode == 1
    assert plan(old) == done
    assert f"Schema {planned['instance_schema']}." in old.command("upgrade", "DIR", "--back", "--yes").stdout
    assert plan(old) == planned
    assert counts(old) == before
    old.command("upgrade", "DIR")
    old.start("--workers", "1")
    client = old.imap("edupont")
    assert client.select("INBOX")[0] == "OK"
    client.logout()


def test_what_it_refuses(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    nothing = instance.command("upgrade", "DIR", "--back", check=False)
    assert nothing.returncode == 1
    assert "nothing to undo" in nothing.stderr
    database = load(instance.directory).data / "mail.db"
    with migrate.locked(f"sqlite:///{database}", database.parent) as connection:
        connection.execute(text("UPDATE instance SET upgraded_from = '0053'"))
        connection.commit()
    stuck = instance.command("upgrade", "DIR", "--back", check=False)
    assert stuck.returncode == 1
    assert "cannot be undone" in stuck.stderr
    with migrate.locked(f"sqlite:///{database}", database.parent) as connection:
        before = migrate.before(FIRST_WITH_NOTES)
        connection.execute(text("UPDATE instance SET upgraded_from = :before"), {"before": before})
        connection.commit()
    lock = hold(instance.directory)
    leave_note(lock, Note(os.getpid(), "0.6.0"))
    try:
        served = instance.command("upgrade", "DIR", "--back", "--yes", check=False)
        assert served.returncode == 1
        assert str(os.getpid()) in served.stderr
        assert "version 0.6.0" in instance.command("upgrade", "DIR", "--plan").stdout
        assert f"`mailserver restart {instance.directory}`" in instance.command("upgrade", "DIR").stdout
    finally:
        os.close(lock)
    assert instance.command("upgrade", "/nonexistent", check=False).returncode == 2


@pytest.mark.parametrize(
    "words", [("account", "list", "DIR"), ("storage", "adopt", "DIR"), ("serve", "DIR")], ids=lambda words: words[0]
)
def test_no_command_upgrades_under_a_service_that_could_not_go_on(
    fresh: Callable[..., Instance], words: tuple[str, ...]
) -> None:
    """Of a new version that was installed while the one before serves."""
    instance = fresh()
    settings = load(instance.directory)
    before = migrate.before(migrate.before(FIRST_WITH_NOTES))
    with migrate.locked(settings.database_url, settings.data) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :before"), {"before": before})
        connection.commit()
    lock = hold(instance.directory)
    try:
        refused = instance.command(*words, check=False)
    finally:
        os.close(lock)
    assert refused.returncode == 2
    assert "stop the service everywhere" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    with migrate.reading(settings.database_url) as connection:
        assert migrate.revisions(connection) == {before}


def test_a_program_serves_a_newer_schema_that_only_adds(fresh: Callable[..., Instance]) -> None:
    """The version before, after an upgrade: mail comes in and is read, also once it was started anew."""
    instance = fresh("--demo")
    instance.start("--workers", "1")
    settings = load(instance.directory)
    with migrate.locked(settings.database_url, settings.data) as connection:
        connection.execute(text("ALTER TABLE message ADD COLUMN to_come INTEGER NOT NULL DEFAULT 0"))
        connection.execute(text("CREATE TABLE further (id INTEGER NOT NULL PRIMARY KEY)"))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    for number in range(2):
        with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as smtp:
            smtp.sendmail(
                "a@ecole.fr", ["edupont@ac-exemple.fr"], f"From: <a@ecole.fr>\r\nSubject: N{number}\r\n\r\nUn"
            )
        client = instance.imap("edupont")
        client.select("INBOX")
        assert client.search(None, "SUBJECT", f"N{number}")[1] != [b""]
        client.logout()
        instance.stop(signal.SIGTERM)
        instance.start("--workers", "1")
    assert instance.command("check", "DIR", "--no-dns").returncode == 0
    assert "Nothing to do" in instance.command("upgrade", "DIR").stdout
