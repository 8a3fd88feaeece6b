"""One folder whose name is not ASCII, by programs that speak of it in each of the three ways there are.

mutt and imaplib enable UTF8=ACCEPT (RFC 9755), mbsync and imapfilter send modified UTF-7 (RFC 3501 section 5.1.3), and
the last session sends UTF-8 without asking.
"""

import imaplib
from pathlib import Path

import pytest

from tests.imap.clients.people import Account, message, quoted, require, run
from tests.imap.clients.test_mbsync import Mbsync
from tests.imap.clients.test_mutt import Mutt

NAME = "Élèves & parents"
UTF7 = "&AMk-l&AOg-ves &- parents"


@pytest.mark.needs("mutt")
def test_mutt_enables_utf8_and_others_read_its_folder(account: Account, tmp_path: Path) -> None:
    program = Mutt(account, tmp_path)
    settings = f"set record='{program.url}/{NAME}'"
    environment = {"HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    command = ("mutt", "-d", "2", "-F", program.settings, "-e", settings, "-s", "rentree", "x@ac-exemple.fr")
    run(*command, env=environment)
    said = (tmp_path / ".muttdebug0").read_text(errors="replace")
    assert "ENABLED UTF8=ACCEPT" in said
    with account.imap() as witness:
        assert UTF7 in witness.mailboxes()
        assert sorted(witness.messages(UTF7)) == ["rentree"]


@pytest.mark.needs("imapfilter")
def test_imapfilter_moves_into_a_folder_it_makes(account: Account, tmp_path: Path) -> None:
    require("imapfilter")
    with account.imap() as witness:
        for subject in ("conseil", "autre"):
            witness.append("INBOX", message(subject))
    script = tmp_path / "config.lua"
    script.write_text(
        "options.starttls = false\noptions.certificates = false\n"
        f"a = IMAP {{ server = '{account.host}', port = {account.port}, username = '{account.login}',\n"
        f"           password = '{account.password}' }}\n"
        f"a:create_mailbox('{NAME}')\n"
        f"a.INBOX:contain_subject('conseil'):move_messages(a['{NAME}'])\n"
        "_, folders = a:list_all()\n"
        f"a['{NAME}']:contain_body('été'):mark_flagged()\n"
    )
    run("imapfilter", "-c", script, env={"HOME": str(tmp_path)})
    with account.imap() as witness:
        assert sorted(witness.messages("INBOX")) == ["autre"]
        assert witness.messages(UTF7)["conseil"].flags == {"\\Flagged"}


@pytest.mark.needs("mbsync")
def test_one_folder_in_all_forms(account: Account, tmp_path: Path) -> None:
    enabling = imaplib.IMAP4(account.host, account.port, timeout=60)
    enabling.login(account.login, account.password)
    assert enabling.enable("UTF8=ACCEPT")[0] == "OK"
    assert enabling.create(quoted(NAME))[0] == "OK"
    with account.imap() as witness:
        witness.append(UTF7, message("un"))

    asking_nothing = imaplib.IMAP4(account.host, account.port, timeout=60)
    asking_nothing.login(account.login, account.password)
    vars(asking_nothing)["_encoding"] = "utf-8"  # imaplib sends ASCII alone unless it enabled UTF-8
    assert asking_nothing.status(quoted(NAME), "(MESSAGES)")[1] == [f'"{UTF7}" (MESSAGES 1)'.encode()]

    program = Mbsync(account, tmp_path, tls=False)
    program.sync()
    assert sorted(program.files(NAME)) == ["un"]
    program.deliver(NAME, message("deux"), "2.x")
    program.sync()

    assert enabling.select(quoted(NAME))[1] == [b"2"]
    assert enabling.list('""', '"É*"')[1] == [f'(\\HasNoChildren) "/" "{NAME}"'.encode()]
    assert enabling.rename(quoted(NAME), quoted("Été"))[0] == "OK"
    assert asking_nothing.select(quoted("Été"))[1] == [b"2"]
    for client in (enabling, asking_nothing):
        client.logout()
