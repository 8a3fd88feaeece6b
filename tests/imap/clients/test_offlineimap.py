"""offlineimap3: a maildir tree and an account kept alike, both ways."""

import re
from pathlib import Path

import pytest

from tests.imap.clients.people import Account, message, require, run

pytestmark = pytest.mark.needs("offlineimap")

FOLDER = "Conseil d'&AOk-cole"


class Offlineimap:
    """One person's maildirs and their offlineimap configuration."""

    def __init__(self, account: Account, home: Path, *, tls: bool = False, create: bool = True) -> None:
        require("offlineimap")
        self.home = home
        self.mail = home / "mail"
        self.settings = home / "offlineimaprc"
        security = (
            f"ssl = yes\nremotehost = localhost\nremoteport = {account.tls_port}\n"
            f"sslcacertfile = {account.certificate}\n"
            if tls
            else f"ssl = no\nstarttls = no\nremotehost = {account.host}\nremoteport = {account.port}\n"
        )
        self.settings.write_text(
            f"[general]\naccounts = a\nmetadata = {home / 'state'}\nsocktimeout = 30\n\n"
            "[Account a]\nlocalrepository = near\nremoterepository = far\n\n"
            f"[Repository near]\ntype = Maildir\nlocalfolders = {self.mail}\n\n"
            f"[Repository far]\ntype = IMAP\n{security}remoteuser = {account.login}\n"
            f"remotepass = {account.password}\nauth_mechanisms = PLAIN, LOGIN\ncreatefolders = {create}\n"
        )

    def sync(self) -> str:
        return run("offlineimap", "-c", self.settings, "-o", "-u", "basic", env={"HOME": str(self.home)})

    def files(self, mailbox: str) -> dict[str, Path]:
        found = {}
        for folder in ("cur", "new"):
            for path in (self.mail / mailbox / folder).iterdir():
                subject = re.search(rb"(?m)^Subject: (.*)$", path.read_bytes())
                assert subject is not None
                found[subject[1].strip().decode()] = path
        return found


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_mail_flags_and_deletions_both_ways(account: Account, tmp_path: Path, tls: bool) -> None:
    program = Offlineimap(account, tmp_path, tls=tls)
    with account.imap() as witness:
        for subject in ("one", "two", "three"):
            witness.append("INBOX", message(subject))
    program.sync()
    files = program.files("INBOX")
    assert sorted(files) == ["one", "three", "two"]

    files["one"].rename(program.mail / "INBOX" / "cur" / f"{files['one'].name.partition(':')[0]}:2,FRS")
    files["two"].unlink()
    octets = message("four").replace(b"\r\n", b"\n")
    (program.mail / "INBOX" / "new" / "1700000000_0.1.x").write_bytes(octets)
    with account.imap() as witness:
        witness.client.select("INBOX")
        witness.client.store("3", "+FLAGS", "(\\Seen)")
        witness.append("INBOX", message("five"), "\\Flagged")
    program.sync()

    with account.imap() as witness:
        messages = witness.messages("INBOX")
        assert sorted(messages) == ["five", "four", "one", "three"]
        assert messages["one"].flags == {"\\Flagged", "\\Answered", "\\Seen"}
        assert messages["three"].flags == {"\\Seen"}
        # The program adds a field of its own at the top of what it uploads.
        assert messages["four"].octets.endswith(octets.partition(b"\n\n")[2].replace(b"\n", b"\r\n"))
        witness.client.select("INBOX")
        witness.client.store("1", "+FLAGS", "(\\Deleted)")
        witness.client.expunge()
    files = program.files("INBOX")
    assert sorted(files) == ["five", "four", "one", "three"]
    assert files["five"].name.endswith(":2,F")
    program.sync()
    assert sorted(program.files("INBOX")) == ["five", "four", "three"]


def test_folders_with_accents_both_ways(account: Account, tmp_path: Path) -> None:
    program = Offlineimap(account, tmp_path)
    with account.imap() as witness:
        witness.create(FOLDER)
        witness.append(FOLDER, message("far"))
    program.sync()
    assert sorted(program.files(FOLDER)) == ["far"]
    for part in ("cur", "new", "tmp"):
        (program.mail / f"{FOLDER} bis" / part).mkdir(parents=True)
    path = program.mail / f"{FOLDER} bis" / "new" / "1700000000_0.1.x"
    path.write_bytes(message("near").replace(b"\r\n", b"\n"))
    program.sync()
    with account.imap() as witness:
        assert f"{FOLDER} bis" in witness.mailboxes()
        assert sorted(witness.messages(f"{FOLDER} bis")) == ["near"]


def test_renamed_folder_arrives_under_its_new_name(account: Account, tmp_path: Path) -> None:
    # Without `create` it would make the old folder again: it knows no renaming.
    program = Offlineimap(account, tmp_path, create=False)
    with account.imap() as witness:
        witness.create("Avant")
        witness.append("Avant", message("kept"))
    program.sync()
    with account.imap() as witness:
        assert witness.client.rename("Avant", '"Apr&AOg-s"')[0] == "OK"
    program.sync()
    assert sorted(program.files("Apr&AOg-s")) == ["kept"]
