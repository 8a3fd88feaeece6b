"""mbsync and the Cyrus SASL library log in by SCRAM-SHA-256; imported people have verifiers."""

import imaplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Instance
from tests.imap.clients.people import PASSWORD, Account, require, run

HEADER = "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"


def brought(house: Instance, folder: Path, *people: str) -> None:
    file = folder / "people.csv"
    file.write_text(HEADER + "".join(f"{line}\n" for line in people))
    house.command("import", "DIR", file, "--accept-passwords")


def announced(house: Instance) -> bool:
    with imaplib.IMAP4("127.0.0.1", house.ports["imap"], timeout=60) as client:
        return "AUTH=SCRAM-SHA-256" in client.capabilities


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance that wants SCRAM from its first day on."""
    folder = tmp_path_factory.mktemp("scram")
    instance = Instance(folder / "instance")
    instance.init("--domain", "ac-exemple.fr")
    instance.configure("[login]\nscram = true\n")
    brought(
        instance, folder, f"Émilie,Dupont,,teacher,,,,,edupont,{PASSWORD}", f"Marc,Été,,teacher,,,,,mete,€té-{PASSWORD}"
    )
    instance.start()
    assert announced(instance)  # at once
    yield instance
    instance.stop()


@pytest.mark.needs("mbsync")
@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize(("login", "password"), [("edupont", PASSWORD), ("mete", f"€té-{PASSWORD}")])
def test_mbsync(house: Instance, tmp_path: Path, login: str, password: str, tls: bool) -> None:
    require("mbsync")
    certificate = house.directory / "tls" / "cert.pem"
    account = Account(login, house.ports["imap"], house.ports["imaps"], certificate, password)
    connection = (
        f"TLSType IMAPS\nHost localhost\nPort {account.tls_port}\nCertificateFile {certificate}\n"
        if tls
        else f"TLSType None\nHost {account.host}\nPort {account.port}\n"
    )
    settings, mail = tmp_path / "mbsyncrc", tmp_path / "mail"
    mail.mkdir()
    settings.write_text(
        f"IMAPAccount a\n{connection}User {login}\nPass {password}\nAuthMechs SCRAM-SHA-256\n\n"
        f"IMAPStore far\nAccount a\n\nMaildirStore near\nPath {mail}/\nInbox {mail}/INBOX\n\n"
        "Channel c\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull\nSyncState *\n"
    )
    run("mbsync", "-c", settings, "-a", "-V")
    assert (mail / "INBOX" / "cur").is_dir()
    settings.write_text(settings.read_text().replace(f"Pass {password}", "Pass wrong"))
    with pytest.raises(AssertionError):
        run("mbsync", "-c", settings, "-a", "-V")


def test_it_is_announced_before_login_only(house: Instance) -> None:
    assert announced(house)
    with imaplib.IMAP4("127.0.0.1", house.ports["imap"], timeout=60) as client:
        client.login("edupont", PASSWORD)
        _, (said, *_) = client.capability()
        assert b"SCRAM" not in said
