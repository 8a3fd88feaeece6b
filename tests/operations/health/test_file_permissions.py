"""Nobody but the owner of an instance can read or change its files, whatever the umask of whoever runs the commands."""

import os
import smtplib
import stat
import subprocess
from base64 import encodebytes
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.harness import Instance, environment, hatchery, run_command
from tests.hatchery import Hatched
from tests.waiting import PATIENCE

PEOPLE = "given_name,surname,role,login,password\nAnne,Ouverte,teacher,aouverte,Grand-Large-2026\n"
LARGE = encodebytes(os.urandom(600_000)).decode().replace("\n", "\r\n")
"""Compressed it is still too large for the database."""


class Careless(Instance):
    """Served by whoever leaves every file open to all."""

    def _launch(self, words: Sequence[str], given: IO[str], out: IO[bytes], log: IO[bytes]) -> Hatched:
        return hatchery.spawn(list(words), environment(), given, out, log, umask=0)


def run(*words: object) -> None:
    run_command(*words, umask=0)


def open_ones(folder: Path) -> dict[str, str]:
    """Everything that somebody else may read, change or enter, with its mode."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            found[str(path.relative_to(folder))] = oct(mode)
    return found


def test_every_file_is_its_owners_alone(tmp_path: Path) -> None:
    instance = Careless(tmp_path / "var")
    run("init", instance.directory, "--demo")
    (tmp_path / "people.csv").write_text(PEOPLE)
    run("import", instance.directory, tmp_path / "people.csv", "--accept-passwords")
    run("account", "export", instance.directory, "edupont", tmp_path / "out.zip")
    run("check", instance.directory, "--no-dns")
    instance._choose_ports()
    instance.start("--workers", "1")
    try:
        with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=PATIENCE) as smtp:
            smtp.sendmail("a@ailleurs.fr", ["aouverte@ac-exemple.fr"], f"From: <a@ailleurs.fr>\r\n\r\n{LARGE}")
        client = instance.imap("aouverte", "Grand-Large-2026")
        client.append("INBOX", "", "", f"Subject: grand\r\n\r\nautre\r\n{LARGE}".encode())
        client.logout()
        while_served = open_ones(instance.directory)
    finally:
        instance.stop()
    assert sum(path.is_file() for path in (instance.directory / "data" / "blobs").rglob("*")) >= 2
    assert while_served == open_ones(instance.directory) == {}
    assert stat.S_IMODE((tmp_path / "out.zip").stat().st_mode) == 0o600


def test_check_names_files_that_others_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    run_command("init", folder)
    assert "readable by their owner only" in run_command("check", folder, "--no-dns").stdout
    (folder / "tls" / "cert.pem").chmod(0o644)
    (folder / "charter.txt").write_text("Charte")
    (folder / "charter.txt").chmod(0o644)
    assert "open to others" not in run_command("check", folder, "--no-dns").stdout
    (folder / "data" / "mail.db").chmod(0o640)
    (folder / "mailserver.toml").chmod(0o644)
    said = run_command("check", folder, "--no-dns").stdout
    assert "open to others (2): " in said
    assert "data/mail.db" in said
    assert f"chmod -R go= {folder}" in said
    (folder / "tls" / "key.pem").chmod(0o604)
    assert "tls/key.pem" in run_command("check", folder, "--no-dns", check=False).stdout
    assert run_command("check", folder, "--no-dns", check=False).returncode == 1
    assert (folder / "data" / "mail.db").stat().st_mode & 0o777 == 0o640, "nothing was changed"
    subprocess.run(["chmod", "-R", "go=", str(folder)], check=True)
    assert "readable by their owner only" in run_command("check", folder, "--no-dns").stdout
