"""Whose database this is: nothing is made where something was expected, and nothing of another instance is touched."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.harness import Instance
from tests.operations.health.test_damage import fetched, fill
from tests.postgres import Postgres

WRITING = (
    ("account", "create", "DIR", "--given-name", "A", "--surname", "B", "--role", "teacher"),
    ("list", "create", "DIR", "essai@ac-exemple.fr"),
    ("queue", "show", "DIR"),
    ("serve", "DIR"),
)


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every name below a folder with its time and octets; without the index of the log that SQLite rebuilds to read."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
        if path.name != "mail.db-shm"
    }


def refused(instance: Instance, clue: str) -> None:
    """Whatever writes says the same in one line, and changes nothing."""
    before = tree(instance.directory)
    for words in WRITING:
        result = instance.command(*words, check=False)
        assert result.returncode == 2, (words, result.stdout, result.stderr)
        assert clue in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
        assert "Traceback" not in result.stderr
    after = tree(instance.directory)
    for lock in ("data/migrate.lock", "data/serve.lock"):  # a lock is taken before anything is looked at
        before.pop(lock, None)
        after.pop(lock, None)
    before.pop("data", None)
    after.pop("data", None)
    assert after == before


def checked(instance: Instance, clue: str = "", code: int = 0) -> None:
    """`check` says it, and changes nothing at all."""
    before = tree(instance.directory)
    result = instance.command("check", "DIR", "--no-dns", check=False)
    assert tree(instance.directory) == before
    assert result.returncode == code, result.stdout
    assert clue in result.stdout


def test_check_changes_nothing(fresh: Callable[..., Instance]) -> None:
    """Neither on an instance that was never served, nor on one that was, nor on one whose plug was pulled."""
    instance = fresh("--demo")
    checked(instance)
    instance.start("--workers", "1")
    instance.stop()
    checked(instance)
    instance.start("--workers", "1")
    fill(instance)
    instance.kill()
    checked(instance)


def test_a_missing_database_is_not_made(fresh: Callable[..., Instance]) -> None:
    instance = fresh("--demo")
    (instance.directory / "data" / "mail.db").rename(instance.directory.parent / "away.db")
    refused(instance, "mail.db: the database is not there")
    checked(instance, "the database is not there", 1)
    assert not (instance.directory / "data" / "mail.db").exists()
    shutil.rmtree(instance.directory / "data")
    refused(instance, "not there")
    checked(instance, "not there", 1)
    assert not (instance.directory / "data").exists()


def test_an_empty_database_is_not_filled(fresh: Callable[..., Instance]) -> None:
    instance = fresh("--demo")
    (instance.directory / "data" / "mail.db").write_bytes(b"")
    refused(instance, "is empty")
    checked(instance, "is empty", 1)


def test_large_messages_survive_an_expedition_to_another_database(fresh: Callable[..., Instance]) -> None:
    """The settings name another instance's database, made by `init` itself; then the right one again."""
    instance, other = fresh("--demo"), fresh()
    instance.start("--workers", "1")
    sent = fill(instance)
    instance.stop()
    settings = instance.directory / "mailserver.toml"
    right = settings.read_text()
    # Two that one `init` made have one identifier only if somebody copied them: as here, so `other` is made anew.
    shutil.rmtree(other.directory)
    other.init()
    instance.configure(f'[database]\nurl = "sqlite:///{other.directory / "data" / "mail.db"}"\n')
    refused(instance, "belongs to instance")
    checked(instance, "belongs to instance", 1)
    settings.write_text(right)
    instance.start("--workers", "1")
    with instance.imap("edupont") as client:
        client.select("Preuves", readonly=True)
        kind, _, found = fetched(client)
    assert kind == "OK"
    assert [found[number] for number in sorted(found)] == sent


def test_an_empty_folder_of_large_messages_is_refused(fresh: Callable[..., Instance]) -> None:
    """Its disk was not mounted."""
    instance = fresh("--demo")
    blobs = instance.directory / "data" / "blobs"
    blobs.rename(instance.directory.parent / "unmounted")
    blobs.mkdir(mode=0o700)
    refused(instance, "has no file instance-id: is its disk mounted?")
    checked(instance, "is its disk mounted?", 1)


def forget_identifiers(instance: Instance) -> None:
    """As an older version left it, once its schema is this one's."""
    for folder in (instance.directory, instance.directory / "data" / "blobs"):
        (folder / "instance-id").unlink()
    with closing(sqlite3.connect(instance.directory / "data" / "mail.db")) as database:
        database.execute("DELETE FROM instance")
        database.commit()


def test_an_older_instance_is_given_its_identifier(fresh: Callable[..., Instance]) -> None:
    instance = fresh("--demo")
    instance.start("--workers", "1")
    fill(instance)
    instance.stop()
    forget_identifiers(instance)
    instance.start("--workers", "1")
    instance.stop()
    marks = [folder / "instance-id" for folder in (instance.directory, instance.directory / "data" / "blobs")]
    assert len({mark.read_text() for mark in marks}) == 1
    checked(instance)


def test_secrets_of_another_instance_are_refused(
    fresh: Callable[..., Instance], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is sealed and hashed would open for nobody, and what is written anew for nobody else."""
    instance, other = fresh(), fresh("--domain", "autre.fr")
    key, strange = (one.directory / "secrets" / "hmac" for one in (instance, other))
    own = key.read_bytes()
    key.write_bytes(strange.read_bytes())
    refused(instance, "are not those of instance")
    checked(instance, "are not those of instance", 1)
    monkeypatch.setenv("MAILSERVER_SECRET_HMAC", own.decode().strip())
    checked(instance)
    monkeypatch.setenv("MAILSERVER_SECRET_HMAC", strange.read_text())
    refused(instance, "are not those of instance")
    monkeypatch.delenv("MAILSERVER_SECRET_HMAC")
    elsewhere = tmp_path / "secrets"
    key.parent.rename(elsewhere)
    monkeypatch.setenv("MAILSERVER_SECRETS", str(elsewhere))
    refused(instance, "are not those of instance")
    (elsewhere / "hmac").write_bytes(own)
    checked(instance)
    (elsewhere / "hmac").write_bytes(strange.read_bytes())
    assert instance.command("storage", "adopt", "DIR").returncode == 0
    checked(instance)


def test_an_older_instance_whose_files_are_not_named_is_refused(fresh: Callable[..., Instance]) -> None:
    """Neither side has an identifier, and the rows are not about these files: an operator decides."""
    instance, other = fresh("--demo"), fresh()
    instance.start("--workers", "1")
    fill(instance)
    instance.stop()
    for one in (instance, other):
        forget_identifiers(one)
    shutil.copy(other.directory / "data" / "mail.db", instance.directory / "data" / "mail.db")
    refused(instance, "does not name the files")
    assert instance.command("storage", "adopt", "DIR").returncode == 0
    checked(instance)


@pytest.mark.needs("postgresql")
def test_a_postgresql_database_is_made_by_init_only(
    fresh: Callable[..., Instance], postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.create("template1")
    instance = fresh("--demo")
    instance.start("--workers", "1")
    fill(instance)
    instance.stop()
    instance.configure(f'[database]\nurl = "{url}"\n')
    refused(instance, "is empty")
    checked(instance, "is empty", 1)
    assert "messages here already" in instance.command("init", "DIR", "--database", url, check=False).stderr
    new = Instance(tmp_path / "new")
    new.init("--database", url)
    new.start("--workers", "1")
    new.stop()
    checked(new)
    before = tree(instance.directory)
    refused(instance, "belongs to instance")
    assert tree(instance.directory) == before


def test_a_deep_check_says_when_it_compared_nothing(fresh: Callable[..., Instance]) -> None:
    """Of a schema that the next start upgrades: whoever asks for everything must not read silence as health."""
    instance = fresh("--demo")
    with closing(sqlite3.connect(instance.directory / "data" / "mail.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '0015'")
        database.commit()
    told = instance.command("check", "DIR", "--no-dns", "--deep", check=False)
    assert told.returncode == 1
    assert "nothing that is stored was compared" in told.stdout
