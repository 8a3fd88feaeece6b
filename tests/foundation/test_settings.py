"""Settings and databases that cannot be used: one plain line, exit code 2, from every command, and nothing changed."""

import os
import sqlite3
import subprocess
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import BaseModel

from mailserver.foundation.settings import FILE_NAME, LdapDirectory, Settings, SettingsError, load
from tests.harness import Instance, run_command
from tests.postgres import Postgres

COMMANDS = (["check", "--no-dns"], ["serve"], ["account", "list"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance as `init` made it."""
    instance = tmp_path_factory.mktemp("settings") / "var"
    run_command("init", instance)
    return instance


def refused(folder: Path, *clues: str, commands: tuple[list[str], ...] = COMMANDS) -> None:
    """Each command says so in one line that holds the clues."""
    for command in commands:
        result = run_command(*command, folder, check=False)
        said = result.stderr.strip()
        assert result.returncode == 2, (command, result.stdout, said)
        assert len(said.splitlines()) == 1, said
        assert result.stdout == ""
        for clue in clues:
            assert clue in said, said


@pytest.fixture
def written(folder: Path) -> Iterator[Callable[..., None]]:
    """Writes the settings file; it is what it was afterwards."""
    path = folder / FILE_NAME
    before = path.read_bytes()

    def write(text: str | bytes) -> None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    yield write
    path.write_bytes(before)


D = 'domain = "ac-exemple.fr"\n'


@pytest.mark.parametrize(
    ("text", "clue"),
    [
        (D + "[listen]\nimap = 2587\n", "submission and imap have the same port 2587"),
        (D + "[listen]\nhttps = 8080\n", "http and https have the same port 8080"),
        (D + '[web]\ntimezone = "Europe/Pari"\n', "web.timezone"),
        (D + '[database]\nurl = "mysql://u:Secret-mot@h/mail"\n', "[database] url"),
        (D + '[database]\nurl = "postgresql://u:Secret-mot@h:port/mail"\n', "[database] url"),
        ('domain = "pas un domaine"\n', "domain"),
        (D + "[web]\nacademie = 1\n", "web.academie"),
        (b'domain = "ac-\xff.fr"\n', FILE_NAME),
        ("domain = 5\n", "domain"),
        ("", "domain"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(
    folder: Path, written: Callable[..., None], text: str | bytes, clue: str
) -> None:
    written(text)
    refused(folder, clue)
    said = run_command("serve", folder, check=False).stderr
    assert "Secret-mot" not in said


@pytest.mark.parametrize(
    "domain",
    [
        *("", " ", "exemple", "ac exemple.fr", "ac_exemple.fr", "-x.fr", "x-.fr", "a..fr", ".fr", "fr.", "[192.0.2.1]"),
        *(
            "1.2.3.4",
            "x@ac.fr",
            "http://ac.fr",
            "é" * 300 + ".fr",
            "a" * 64 + ".fr",
            "ac.fr\\n",
            "xn--zz--.fr",
            "ac.fr/",
        ),
    ],
)
def test_domains_that_are_none(tmp_path: Path, domain: str) -> None:
    (tmp_path / FILE_NAME).write_text(f'domain = "{domain}"\n')
    with pytest.raises(SettingsError, match="domain: "):
        load(tmp_path)
    (tmp_path / FILE_NAME).write_text(f'{D}aliases = ["ac-autre.fr", "{domain}"]\n')
    with pytest.raises(SettingsError, match=r"aliases\.1: "):
        load(tmp_path)


def test_domains_are_kept_as_the_protocols_write_them(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('domain = "AC-Exemple.fr"\naliases = ["académie.fr"]\nhostname = "Mail"\n')
    settings = load(tmp_path)
    assert settings.domains == ("ac-exemple.fr", "xn--acadmie-eya.fr")
    assert settings.hostname == "mail"


@pytest.mark.parametrize(
    "url",
    [
        *(
            "wonder:/x",
            "x",
            "postgresql:",
            "postgresql://",
            "postgres://h/d",
            "sqlite://",
            "sqlite://h/x",
            "mysql://h/d",
        ),
        *("oracle+cx://h", "postgresql://h:x/d", "postgresql://[h/d", "postgresql://h/d\\nx", " postgresql://h/d"),
    ],
)
def test_database_urls_of_another_kind(tmp_path: Path, url: str) -> None:
    (tmp_path / FILE_NAME).write_text(f'{D}[database]\nurl = "{url}"\n')
    with pytest.raises(SettingsError, match=r"\[database\] url"):
        load(tmp_path)


@pytest.mark.parametrize(
    "contact",
    ["rssi", "@ac.fr", "rssi@ac_x.fr", "a b@ac.fr", "http://ac.fr/alerte", "https://", "https://ac.fr/\\nx: y"],
)
def test_contacts_that_are_neither_an_address_nor_a_page(tmp_path: Path, contact: str) -> None:
    (tmp_path / FILE_NAME).write_text(f'{D}[web]\nsecurity_contact = "{contact}"\n')
    with pytest.raises(SettingsError, match=r"web\.security_contact"):
        load(tmp_path)


# ---------------------------------------------------------------------- every setting, with everything in it


VALUES = (
    *("true", "1.5", "-1", "0", "1", "99999999999999999999999999", "9" * 5000, "nan", "inf"),
    *('""', '"x"', '"a\\nb"', '"\\u0000"', "'../../x'", '"é ü"', '"5"', '"http://["', '"//"', '"[::1"', '"%"'),
    *("[]", "[[]]", "[-1]", '["x"]', '[""]', "[true]", "[99999999999999999999]", "{}", '{ x = "y" }', "{ x = 1 }"),
    *("1979-05-27", "07:32:00"),
)


def outcome(folder: Path) -> str:
    """The address of the web interface that the settings give, or what is wrong with them."""
    try:
        return load(folder).public_url
    except SettingsError as error:
        return str(error)


def every_setting() -> Iterator[tuple[str, str]]:
    """Section (or nothing) and name."""
    for name, field in Settings.model_fields.items():
        kind = LdapDirectory if name == "ldap" else field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from ((name, inner) for inner in kind.model_fields)
        yield "", name


def test_no_value_of_any_setting_is_more_than_one_line(tmp_path: Path) -> None:
    """Wrong types, numbers out of range, odd texts: a settings object or one line; never anything else."""
    path = tmp_path / FILE_NAME
    for section, name in every_setting():
        for value in VALUES:
            base = "" if (section, name) == ("", "domain") else D
            ldap = 'url = "ldap://h"\nbase = "dc=fr"\n' if section == "ldap" and name not in ("url", "base") else ""
            path.write_text(f"{base}[{section}]\n{ldap}{name} = {value}\n" if section else f"{name} = {value}\n{base}")
            said = outcome(tmp_path)
            assert said.isprintable()
            assert said.startswith(("http", f"{path}: ")), (section, name, value)


def test_whole_numbers_and_truths_are_of_their_kind(tmp_path: Path) -> None:
    """`smtp = true` was port 1, and "25" a number."""
    for section, name in every_setting():
        kind = (
            (LdapDirectory if section == "ldap" else Settings.model_fields[section].annotation) if section else Settings
        )
        annotation = typing.cast(type[BaseModel], kind).model_fields[name].annotation
        if annotation not in (int, bool):
            continue
        wrong = ("true", '"5"', "5.0") if annotation is int else ("1", '"yes"', "0")
        for value in wrong:
            given = f"[{section}]\n" if section else ""
            (tmp_path / FILE_NAME).write_text(f"{D}{given}{name} = {value}\n")
            with pytest.raises(SettingsError, match=name):
                load(tmp_path)


# ---------------------------------------------------------------------- folders and files


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd" / FILE_NAME).mkdir(parents=True)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for folder in (tmp_path / "nowhere", file, tmp_path / "empty", tmp_path / "odd", tmp_path / "loop"):
        refused(folder, str(folder))


def test_a_settings_file_that_cannot_be_read(folder: Path) -> None:
    """As another user: nothing keeps root from reading."""
    if os.geteuid() != 0:
        (folder / FILE_NAME).chmod(0)
        refused(folder, "Permission denied")
        (folder / FILE_NAME).chmod(0o600)
        return
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", "cat", str(folder / FILE_NAME)], capture_output=True, check=False
    )
    assert result.returncode != 0, "others cannot even enter the folder"


@pytest.mark.parametrize(
    "name", ["secrets/hmac", "secrets/ldap-admin", "tls/cert.pem", "tls/key.pem", "secrets", "tls"]
)
def test_what_is_missing_is_named_at_start(folder: Path, name: str) -> None:
    path = folder / name
    away = path.with_name("away")
    path.rename(away)
    try:
        refused(folder, name.removesuffix("/"), commands=(["serve"],))
        result = run_command("check", folder, "--no-dns", check=False)
        assert result.returncode == 1
        assert name in result.stdout
        assert "Traceback" not in result.stderr
    finally:
        away.rename(path)


# ---------------------------------------------------------------------- a newer schema


NEWER = "UPDATE alembic_version SET version_num = '9999'"
NOT_FOR_US = "UPDATE instance SET compatible_since = '9999'"


def test_a_database_of_a_newer_version_is_refused_and_left_alone(folder: Path, tmp_path: Path) -> None:
    path = folder / "data" / "mail.db"
    with sqlite3.connect(path) as database:
        (before,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        (since,) = database.execute("SELECT compatible_since FROM instance").fetchone()
        database.execute(NEWER)
        database.execute(NOT_FOR_US)
    database.close()
    try:
        refused(folder, "newer version of mailserver", "9999", "install that version again")
        refused(folder, "newer version", commands=(["storage", "adopt"],))
    finally:
        with sqlite3.connect(path) as database:
            assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
            database.execute("UPDATE alembic_version SET version_num = ?", (before,))
            database.execute("UPDATE instance SET compatible_since = ?", (since,))
        database.close()
    assert run_command("account", "list", folder).returncode == 0


def test_a_newer_schema_on_postgresql_is_refused_too(tmp_path: Path, postgres: Postgres) -> None:
    instance, url = Instance(tmp_path / "var"), postgres.create()
    run_command("init", instance.directory, "--database", url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(NEWER)
        connection.execute(NOT_FOR_US)
    refused(instance.directory, "newer version of mailserver", "9999")
    postgres.drop(url)
