"""An instance whose large messages are in object storage: served, out of reach, another's."""

import imaplib
import os
import shutil
import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from mailserver.store.octets.bucket import Bucket
from tests.harness import Instance
from tests.object_storage import KEY, ObjectStorage
from tests.waiting import until

PASSWORD = "Craie-Bleue#31"
PEOPLE = (
    "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"
    f"Essai,Ada,1980-01-01,teacher,,,,,ada,{PASSWORD}\n"
)
SENDER, TO = "essai@ailleurs.fr", "ada@ac-exemple.fr"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    server = ObjectStorage(tmp_path_factory.mktemp("objects"))
    server.start()
    yield server
    server.stop()


def over(instance: Instance, storage: ObjectStorage) -> Instance:
    """What its operator does before the first message."""
    key = instance.directory / "secrets" / "octets"
    key.write_text("\n".join(KEY))
    key.chmod(0o600)
    instance.configure(storage.settings())
    return instance


def large(number: int) -> bytes:
    text = os.urandom(200_000).hex()
    lines = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    return f"From: {SENDER}\r\nTo: {TO}\r\nSubject: Long {number}\r\n\r\n{lines}\r\n".encode()


def send(instance: Instance, octets: bytes) -> int:
    """The code of the answer."""
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as client:
        try:
            client.sendmail(SENDER, [TO], octets)
        except smtplib.SMTPDataError as error:
            return error.smtp_code
        return 250


def fetch(instance: Instance, number: str, what: str = "BODY.PEEK[]") -> bytes:
    """An item of a message. Raises imaplib.IMAP4.error where it is refused."""
    client: imaplib.IMAP4 = instance.imap("ada", PASSWORD)
    with client:
        client.select("INBOX")
        code, found = client.fetch(number, f"({what})")
        if code != "OK":
            raise imaplib.IMAP4.error(str(found[0]))
        assert isinstance(found[0], tuple), found
        return found[0][1]


def is_ready(instance: Instance) -> bool:
    return httpx.get(f"http://127.0.0.1:{instance.ports['http']}/sante/pret").status_code == 200


def test_served_out_of_reach_and_back(fresh: Callable[..., Instance], storage: ObjectStorage, tmp_path: Path) -> None:
    instance = over(fresh(), storage)
    (tmp_path / "people.csv").write_text(PEOPLE)
    instance.command("import", "DIR", tmp_path / "people.csv", "--accept-passwords")
    instance.start("--workers", "1")
    first, second = large(1), large(2)
    assert send(instance, first) == 250
    objects = storage.root / "academie"
    mark = (objects / "instance-id").read_text()
    assert mark == (instance.directory / "instance-id").read_text()
    assert len(list(objects.glob("??/*"))) == 1
    assert not list((instance.directory / "data" / "blobs").glob("??")), "nothing on this host's disk"
    assert fetch(instance, "1").endswith(first)
    assert fetch(instance, "1", "BODY.PEEK[TEXT]<1000.50>") == first.partition(b"\r\n\r\n")[2][1000:1050]
    deep = instance.command("check", "--deep", "DIR", "--no-dns")
    assert "object storage" not in deep.stderr, "every octet was read"

    storage.stop()
    shutil.rmtree(instance.directory / "data" / "octets-cache")
    assert send(instance, second) == 451
    with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE"):
        fetch(instance, "1")
    assert fetch(instance, "1", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]") == b"Subject: Long 1\r\n\r\n"
    assert "object storage is out of reach" in instance.log_text()
    storage.start()
    until(lambda: send(instance, second) == 250)
    assert fetch(instance, "2").endswith(second)
    assert fetch(instance, "1").endswith(first)
    assert len(list(objects.glob("??/*"))) == 2
    instance.stop()
    Bucket(storage.octets(), KEY).write_mark("00" * 16)
    for words in (("serve", "DIR"), ("queue", "show", "DIR")):
        refused = instance.command(*words, check=False)
        assert refused.returncode == 2
        assert "to instance 00000000" in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
