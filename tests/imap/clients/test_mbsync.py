"""isync's mbsync: a mailbox and a folder of maildirs kept alike, both ways."""

import re
from pathlib import Path

import pytest

from tests.imap.clients.people import Account, message, require, run

pytestmark = pytest.mark.needs("mbsync")

FOLDER = "Bo&AO4-te de r&AOk-ception/&AMk-l&AOg-ves &- parents"
"""« Boîte de réception/Élèves & parents »"""


class Mbsync:
    """One person's maildirs and their mbsync configuration."""

    def __init__(self, account: Account, home: Path, *, tls: bool) -> None:
        require("mbsync")
        self.mail = home / "mail"
        self.mail.mkdir()
        self.settings = home / "mbsyncrc"
        security = (
            f"TLSType IMAPS\nHost localhost\nPort {account.tls_port}\nCertificateFile {account.certificate}\n"
            if tls
            else f"TLSType None\nHost {account.host}\nPort {account.port}\n"
        )
        self.settings.write_text(
            f"IMAPAccount a\n{security}User {account.login}\nPass {account.password}\nAuthMechs LOGIN\n\n"
            "IMAPStore far\nAccount a\n\n"
            f"MaildirStore near\nPath {self.mail}/\nInbox {self.mail}/INBOX\nSubFolders Verbatim\n\n"
            "Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nRemove Both\nExpunge Both\nSyncState *\n"
        )

    def sync(self) -> None:
        run("mbsync", "-c", self.settings, "-a", "-V")

    def files(self, mailbox: str) -> dict[str, Path]:
        """The files of a maildir by the subject of their message."""
        found = {}
        for folder in ("cur", "new"):
            for path in (self.mail / mailbox / folder).iterdir():
                subject = re.search(rb"(?m)^Subject: (.*)$", path.read_bytes())
                assert subject is not None
                found[subject[1].decode()] = path
        return found

    def flag(self, mailbox: str, subject: str, flags: str) -> None:
        """Set a message's flags as a mail program does: in its file's name."""
        path = self.files(mailbox)[subject]
        path.rename(self.mail / mailbox / "cur" / f"{path.name.partition(':')[0]}:2,{flags}")

    def deliver(self, mailbox: str, octets: bytes, name: str) -> None:
        (self.mail / mailbox / "new" / name).write_bytes(octets.replace(b"\r\n", b"\n"))


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_mail_flags_and_deletions_both_ways(account: Account, tmp_path: Path, tls: bool) -> None:
    program = Mbsync(account, tmp_path, tls=tls)
    with account.imap() as witness:
        for subject in ("one", "two", "three"):
            witness.append("INBOX", message(subject))
    program.sync()
    files = program.files("INBOX")
    assert sorted(files) == ["one", "three", "two"]

    program.flag("INBOX", "one", "FRS")
    program.flag("INBOX", "two", "T")
    program.deliver("INBOX", message("four"), "4.x")
    with account.imap() as witness:
        witness.client.select("INBOX")
        witness.client.store("3", "+FLAGS", "(\\Seen)")
        witness.append("INBOX", message("five"), "\\Flagged")
    program.sync()

    with account.imap() as witness:
        messages = witness.messages("INBOX")
        assert sorted(messages) == ["five", "four", "one", "three"]
        assert messages["one"].flags == {"\\Flagged", "\\Answered", "\\Seen"}
        assert messages["four"].flags == set()
        assert messages["three"].flags == {"\\Seen"}
        witness.client.select("INBOX")
        witness.client.store("1", "+FLAGS", "(\\Deleted)")
        witness.client.expunge()
    files = program.files("INBOX")
    assert sorted(files) == ["five", "four", "one", "three"]
    assert files["three"].name.endswith(":2,S")
    assert files["five"].name.endswith(":2,F")
    program.sync()
    assert sorted(program.files("INBOX")) == ["five", "four", "three"]


def test_folders_with_accents_both_ways(account: Account, tmp_path: Path) -> None:
    program = Mbsync(account, tmp_path, tls=False)
    with account.imap() as witness:
        witness.create(FOLDER)
        witness.append(FOLDER, message("far"))
    program.sync()
    near = {str(path.parent.relative_to(program.mail)) for path in program.mail.glob("**/cur") if path.is_dir()}
    assert {"INBOX", "Sent", "Drafts", "Trash", "Junk"} <= near
    (folder,) = [name for name in near if list(program.mail.joinpath(name, "new").glob("*"))]
    assert sorted(program.files(folder)) == ["far"]

    made = program.mail / f"{folder} bis"
    for part in ("cur", "new", "tmp"):
        (made / part).mkdir(parents=True)
    program.deliver(made.name if "/" not in folder else f"{folder} bis", message("near"), "1.x")
    program.sync()
    with account.imap() as witness:
        assert f"{FOLDER} bis" in witness.mailboxes()
        assert sorted(witness.messages(f"{FOLDER} bis")) == ["near"]


def test_five_hundred_messages_come_octet_for_octet(account: Account, tmp_path: Path) -> None:
    sent = {f"n{number}": message(f"n{number}", "x" * number * 7 + "\r\n") for number in range(500)}
    with account.imap() as witness:
        for octets in sent.values():
            witness.append("INBOX", octets)
    program = Mbsync(account, tmp_path, tls=False)
    program.sync()
    files = program.files("INBOX")
    assert files.keys() == sent.keys()
    for subject, path in files.items():
        lines = [line for line in path.read_bytes().split(b"\n") if not line.startswith(b"X-TUID: ")]
        assert b"\n".join(lines) == sent[subject].replace(b"\r\n", b"\n")
    program.sync()
    assert program.files("INBOX") == files
