"""mutt: a full-screen program, driven by the keys a person would press."""

from pathlib import Path

import pytest

from tests.imap.clients.people import Account, message, require, run, run_on_terminal

pytestmark = pytest.mark.needs("mutt")


class Mutt:
    """One person's mutt, its home in a folder of the test."""

    def __init__(self, account: Account, home: Path, *, tls: bool = False) -> None:
        require("mutt")
        self.home = home
        scheme, port = ("imaps", account.tls_port) if tls else ("imap", account.port)
        self.url = f"{scheme}://{account.login}@localhost:{port}"
        self.settings = home / "muttrc"
        self.settings.write_text(
            f"set folder='{self.url}' spoolfile='{self.url}/INBOX' imap_pass='{account.password}'\n"
            "set ssl_starttls=no ssl_force_tls=no imap_authenticators='login' imap_check_subscribed=no\n"
            f"set certificate_file='{account.certificate}'\n"
            f"set sendmail=/bin/true from=x@ac-exemple.fr realname=X tmpdir='{home}'\n"
            "set delete=yes quit=yes move=no confirmappend=no confirmcreate=no mark_old=no wait_key=no copy=yes\n"
            "set charset=utf-8 send_charset=utf-8 header_cache='' message_cachedir=''\n"
        )
        self._environment = {"HOME": str(home), "LC_ALL": "C.UTF-8"}

    def press(self, mailbox: str, keys: str, *options: str) -> str:
        """Open a mailbox and press keys; the last ones leave the program."""
        return run_on_terminal(
            "mutt",
            *options,
            "-F",
            self.settings,
            "-f",
            f"{self.url}/{mailbox}",
            "-e",
            f"push '{keys}'",
            env=self._environment,
        )

    def send(self, subject: str, sent: str) -> None:
        """Write a message without a terminal; it is kept in the folder `sent`."""
        settings = f"set record='{self.url}/{sent}'"
        run("mutt", "-F", self.settings, "-e", settings, "-s", subject, "x@ac-exemple.fr", env=self._environment)


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_read_flag_save_and_delete(account: Account, tmp_path: Path, tls: bool) -> None:
    with account.imap() as witness:
        for subject in ("one", "two", "three", "four"):
            witness.append("INBOX", message(subject))
    keys = (
        "<first-entry><display-message><exit>"
        "<next-entry><flag-message>"
        "<first-entry><next-entry><next-entry><save-message>=Archive<enter>"
        "<last-entry><delete-message><sync-mailbox><quit>"
    )
    drawn = Mutt(account, tmp_path, tls=tls).press("INBOX", keys)
    assert "one" in drawn
    with account.imap() as witness:
        messages = witness.messages("INBOX")
        assert {subject: seen.flags for subject, seen in messages.items()} == {
            "one": {"\\Seen"},
            "two": {"\\Flagged"},
        }
        assert sorted(witness.messages("Archive")) == ["three"]


def test_sent_message_is_kept_in_a_new_folder_with_accents(account: Account, tmp_path: Path) -> None:
    Mutt(account, tmp_path).send("rentree", "Courriers envoyés")
    with account.imap() as witness:
        messages = witness.messages("Courriers envoy&AOk-s")
        assert sorted(messages) == ["rentree"]
        assert messages["rentree"].flags == {"\\Seen"}


def test_new_mail_while_the_mailbox_is_open(account: Account, tmp_path: Path) -> None:
    # A mutt that is asked to look for news sees a message that came after it opened the mailbox.
    with account.imap() as witness:
        witness.append("INBOX", message("before"))
    later = tmp_path / "later.py"
    later.write_text(
        "import imaplib\n"
        f"c = imaplib.IMAP4('{account.host}', {account.port})\n"
        f"c.login('{account.login}', '{account.password}')\n"
        "c.append('INBOX', None, None, b'From: x@y.fr\\r\\nSubject: after\\r\\n\\r\\nx\\r\\n')\n"
        "c.logout()\n"
    )
    keys = f"<shell-escape>python3 {later}<enter><imap-fetch-mail><last-entry><flag-message><sync-mailbox><quit>"
    Mutt(account, tmp_path).press("INBOX", keys)
    with account.imap() as witness:
        assert {subject: seen.flags for subject, seen in witness.messages("INBOX").items()} == {
            "before": set(),
            "after": {"\\Flagged"},
        }


def test_folders_with_accents_are_made_and_renamed(account: Account, tmp_path: Path) -> None:
    program = Mutt(account, tmp_path)
    program.press("INBOX", "<change-folder>?<create-mailbox>Élèves<enter><exit><exit><quit>")
    with account.imap() as witness:
        assert "&AMk-l&AOg-ves" in witness.mailboxes()
    rename = "<search>l.ves<enter><rename-mailbox><kill-line>Été<enter>"
    program.press("INBOX", f"<change-folder>?{rename}<exit><exit><quit>")
    with account.imap() as witness:
        assert "&AMk-t&AOk-" in witness.mailboxes()
        assert "&AMk-l&AOg-ves" not in witness.mailboxes()


def test_coming_back_with_qresync_and_deflate(account: Account, tmp_path: Path) -> None:
    """What mutt keeps of its last visit is brought up to date by VANISHED and FETCH, on a compressed connection."""
    mutt = Mutt(account, tmp_path)
    cache = tmp_path / "cache"
    cache.mkdir()
    with mutt.settings.open("a") as settings:
        settings.write(f"set header_cache='{cache}' imap_condstore=yes imap_qresync=yes imap_deflate=yes\n")
    subjects = [f"number {place}" for place in range(1, 7)]
    with account.imap() as witness:
        for subject in subjects:
            witness.append("INBOX", message(subject))
    first = mutt.press("INBOX", "<quit>")
    assert all(subject in first for subject in subjects)
    with account.imap() as witness:
        witness.client.select("INBOX")
        witness.client.store("2,4", "+FLAGS.SILENT", "(\\Deleted)")
        witness.client.expunge()
        witness.append("INBOX", message("a new one"))
    keys = "<last-entry><flag-message><first-entry><delete-message><sync-mailbox><quit>"
    again = mutt.press("INBOX", keys, "-d", "2")
    said = (tmp_path / ".muttdebug0").read_text(errors="replace")
    assert "OK DEFLATE active" in said
    assert "* VANISHED (EARLIER) 2,4" in said
    assert "number 2" not in again
    assert "number 4" not in again
    assert "a new one" in again
    with account.imap() as witness:
        assert {subject: seen.flags - {"\\Seen"} for subject, seen in witness.messages("INBOX").items()} == {
            "number 3": set(),
            "number 5": set(),
            "number 6": set(),
            "a new one": {"\\Flagged"},
        }
