"""An instance whose large messages are in object storage, backed up into another one, of somebody else's: tried each
month, and brought back out of it."""

import email
import email.policy
import json
import os
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mailserver.store.octets.bucket import Bucket
from tests import quick_restic
from tests.harness import Instance
from tests.object_storage import BUCKET, KEY, ObjectStorage
from tests.operations.backup.test_backup import backups_of
from tests.runtime.test_object_storage import PASSWORD, PEOPLE, fetch, large, over, send

pytestmark = [pytest.mark.needs("restic"), pytest.mark.long]
THEIRS = ("AUTRECLE", "un-autre-secret-sans-usage")
FOLDER = "sauvegarde"


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[ObjectStorage]:
    server = ObjectStorage(tmp_path / "ours")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("une-cle-de-test-assez-longue\n")
    return path


@pytest.fixture
def theirs(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStorage]:
    """Elsewhere, with another key, which restic is told as the units tell it: in the environment."""
    server = ObjectStorage(tmp_path / "theirs", key=THEIRS)
    quick_restic.make(server.root / FOLDER, key)
    server.start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", THEIRS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", THEIRS[1])
    monkeypatch.setenv("RESTIC_CACHE_DIR", str(tmp_path / "cache"))
    yield server
    server.stop()


def test_it_is_tried_and_comes_back(
    fresh: Callable[..., Instance],
    ours: ObjectStorage,
    theirs: ObjectStorage,
    key: Path,
    tmp_path: Path,
) -> None:
    target = f"s3:{theirs.endpoint}/{BUCKET}/{FOLDER}"
    instance = over(fresh(), ours)
    (tmp_path / "people.csv").write_text(PEOPLE.replace(",teacher,", ",admin,"))
    instance.command("import", "DIR", tmp_path / "people.csv", "--accept-passwords")
    instance.start("--workers", "1")
    sent = [large(number) for number in range(3)]
    assert [send(instance, octets) for octets in sent] == [250] * 3

    def command(name: str, *words: object, at: Instance = instance, code: int = 0) -> Any:
        result = at.command(name, *words, "--key-file", key, "--json", check=False)
        assert result.returncode == code, result.stderr
        return json.loads(result.stdout) if result.stdout else result.stderr

    made = command("backup", "DIR", target)
    assert (made["files"], made["faults"]) == (3, [])
    assert [one["id"] for one in command("backup", "DIR", target, "--list")] == [made["id"]]
    tried = command("backup", "DIR", target, "--test", "--tell")
    assert (tried["id"], tried["files"], tried["faults"]) == (made["id"], 3, [])
    assert tried["messages"] >= 3
    assert backups_of(instance) == ["ok", "ok"]
    assert not (instance.directory / "data" / "backup-work").exists()
    assert f"Backup {made['id']} was restored apart from {target}, and read wholly" in told(instance)
    ours.stop()  # what is tried is the backup alone
    assert command("backup", "DIR", target, "--test")["faults"] == []
    ours.start()
    right = key.read_text()
    key.write_text("une-autre-cle-assez-longue\n")
    assert "is not the key" in command("backup", "DIR", target, "--test", "--tell", code=2)
    key.write_text(right)
    assert backups_of(instance) == ["ok", "warning"]
    assert "could not be restored, or is not whole" in told(instance)

    back = Instance(tmp_path / "back")
    where = ("--octets", f"s3://{BUCKET}/retour", "--endpoint", ours.endpoint)
    assert command("restore", target, "DIR", *where, at=back)["files"] == 3
    back.ports = instance.ports
    instance.stop()
    back.start("--workers", "1")
    assert [fetch(back, str(number + 1)).endswith(octets) for number, octets in enumerate(sent)] == [True] * 3
    back.stop()

    spoil(theirs.root / FOLDER)
    assert command("backup", "DIR", target, "--test", code=2)
    assert backups_of(instance) == ["ok", "warning"]


def told(instance: Instance) -> str:
    """The newest mail of the administrators, in one line."""
    with instance.imap("ada", PASSWORD) as client:
        _, (count,) = client.select("INBOX")
        assert count is not None
        _, found = client.fetch(count.decode(), "(BODY.PEEK[])")
        assert isinstance(found[0], tuple)
        message = email.message_from_bytes(found[0][1], policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        assert str(message["To"]) == "postmaster@ac-exemple.fr"
        return " ".join(message.get_content().split())


def spoil(repository: Path) -> None:
    """An octet of its largest file is another one."""
    largest = max((repository / "data").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    largest.chmod(0o600)
    with open(largest, "r+b") as file:
        file.seek(1000)
        octet = file.read(1)
        file.seek(1000)
        file.write(bytes([octet[0] ^ 1]))


def test_what_restic_is_told_is_not_for_our_own(ours: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever names and tokens of another storage are in the environment."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": THEIRS[0],
        "AWS_SECRET_ACCESS_KEY": THEIRS[1],
        "AWS_SESSION_TOKEN": "d-ailleurs",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_REGION": "ailleurs-1",
        "AWS_DEFAULT_REGION": "ailleurs-1",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_UNSIGNED_PAYLOAD": "true",
        "AWS_S3_EXPRESS": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "AWS_REQUEST_PAYER": "requester",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1",
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
        "AWS_WEB_IDENTITY_TOKEN_FILE": os.devnull,
        "AWS_BUCKET": "ailleurs",
    }.items():
        monkeypatch.setenv(name, value)
    files = Bucket(ours.octets(), KEY)
    name = files.write(b"octets")
    assert files.read(name) == b"octets"
    assert (ours.root / "academie" / name).read_bytes() == b"octets"
