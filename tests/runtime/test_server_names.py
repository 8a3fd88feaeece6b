"""Several certificates: each door picks the one for the host that a client names, and takes over what is put there."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import SettingsError
from tests.certificate_files import write_pair
from tests.harness import Instance
from tests.runtime.test_reload import presented

STARTTLS = {"smtp": "smtp", "submission": "smtp", "imap": "imap", "ldap": "ldap", "sieve": "sieve"}
DOORS = ("smtp", "submission", "submissions", "imap", "imaps", "sieve", "ldap", "ldaps", "https")


@pytest.fixture(scope="module")
def served(demo: Instance) -> Iterator[Instance]:
    """The demo academy with two more certificates, one of them for all of a domain."""
    folder = demo.directory / "tls" / "sni"
    write_pair(folder / "webmail.ac-exemple.fr", "webmail.ac-exemple.fr")
    write_pair(folder / "*.ac-ancienne.fr", "*.ac-ancienne.fr")
    yield demo
    shutil.rmtree(folder)


def shown(instance: Instance, door: str, name: str) -> str:
    """The subject that openssl sees, as a client of this door that asks for a host."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{instance.ports[door]}"]
    words += ["-servername", name] if name else ["-noservername"]
    if door in STARTTLS:
        words += ["-starttls", STARTTLS[door]]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    start = done.stdout.index(b"-----BEGIN CERTIFICATE-----")
    leaf = x509.load_pem_x509_certificate(done.stdout[start:])
    return leaf.subject.rfc4514_string().removeprefix("CN=")


@pytest.mark.parametrize("door", DOORS)
def test_each_door_picks_by_the_name_that_is_asked_for(served: Instance, door: str) -> None:
    assert shown(served, door, "webmail.ac-exemple.fr") == "webmail.ac-exemple.fr"
    assert shown(served, door, "autoconfig.ac-ancienne.fr") == "*.ac-ancienne.fr"
    assert shown(served, door, "ailleurs.example") == "ac-exemple.fr"
    assert shown(served, door, "") == "ac-exemple.fr"


def test_what_is_put_there_later_needs_no_signal(served: Instance) -> None:
    folder = served.directory / "tls" / "sni" / "neuf.ac-exemple.fr"
    assert shown(served, "imaps", "neuf.ac-exemple.fr") == "ac-exemple.fr"
    folder.mkdir()
    assert shown(served, "imaps", "neuf.ac-exemple.fr") == "ac-exemple.fr"
    write_pair(folder, "neuf.ac-exemple.fr")
    for door in ("imaps", "https"):
        assert shown(served, door, "neuf.ac-exemple.fr") == "neuf.ac-exemple.fr"
    shutil.rmtree(folder)
    assert shown(served, "imaps", "neuf.ac-exemple.fr") == "ac-exemple.fr"
    assert presented(served, "https") == presented(served, "smtp")


# ---------------------------------------------------------------------- which one is picked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pair(tmp_path, "mail.ac-exemple.fr", "autoconfig.ac-exemple.fr")
    return tmp_path


def opened(folder: Path) -> Certificate:
    return Certificate(folder / "cert.pem", folder / "key.pem")


def picked(certificate: Certificate, name: str | None) -> str:
    leaf = x509.load_pem_x509_certificate(certificate.current(name).chain)
    return leaf.subject.rfc4514_string().removeprefix("CN=")


def test_the_order_in_which_names_are_looked_for(folder: Path) -> None:
    """A folder's own name, then names in its certificate, then the instance's, then one for all of a domain."""
    write_pair(folder / "sni" / "a.fr", "un", "b.fr")
    write_pair(folder / "sni" / "b.fr", "deux", "a.fr")
    write_pair(folder / "sni" / "tout", "trois", "*.ac-exemple.fr", "c.fr")
    certificate = opened(folder)
    for name, subject in (
        ("a.fr", "un"),
        ("B.FR.", "deux"),
        ("c.fr", "trois"),
        ("autre.ac-exemple.fr", "trois"),
        ("autoconfig.ac-exemple.fr", "mail.ac-exemple.fr"),
        ("x.autre.ac-exemple.fr", "mail.ac-exemple.fr"),
        ("ac-exemple.fr", "mail.ac-exemple.fr"),
        ("", "mail.ac-exemple.fr"),
        ("..", "mail.ac-exemple.fr"),
        ("*.ac-exemple.fr\0", "mail.ac-exemple.fr"),
        (None, "mail.ac-exemple.fr"),
    ):
        assert picked(certificate, name) == subject, name


def test_one_that_is_over_stands_in_nobodys_way(folder: Path) -> None:
    write_pair(folder / "sni" / "autoconfig.ac-exemple.fr", "vieux", "autoconfig.ac-exemple.fr", "x.fr", days=-1)
    certificate = opened(folder)
    assert picked(certificate, "autoconfig.ac-exemple.fr") == "mail.ac-exemple.fr"
    assert picked(certificate, "x.fr") == "vieux", "no other is for it"


def test_one_that_is_renewed_with_another_name_has_it(folder: Path) -> None:
    write_pair(folder / "sni" / "a.fr", "un", "b.fr")
    certificate = opened(folder)
    assert picked(certificate, "c.fr") == "mail.ac-exemple.fr"
    write_pair(folder / "sni" / "a.fr", "deux", "c.fr")
    assert [picked(certificate, name) for name in ("a.fr", "b.fr", "c.fr")] == ["deux", "mail.ac-exemple.fr", "deux"]


def test_one_that_cannot_be_used_leaves_the_one_before(folder: Path) -> None:
    write_pair(folder / "sni" / "a.fr", "un")
    certificate = opened(folder)
    (folder / "sni" / "a.fr" / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB")
    assert picked(certificate, "a.fr") == "un"
    assert certificate.reload() == "", "it is not the instance's own"
    assert picked(certificate, "a.fr") == "un"
    assert picked(opened(folder), "a.fr") == "mail.ac-exemple.fr", "there was none before"


def test_the_instances_own_is_needed(folder: Path) -> None:
    write_pair(folder / "sni" / "a.fr", "un")
    (folder / "key.pem").unlink()
    with pytest.raises(SettingsError):
        opened(folder)


def test_so_many_are_read_and_no_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailserver.foundation.served_certificates.MOST", 2)
    for name in ("a.fr", "b.fr", "c.fr"):
        write_pair(folder / "sni" / name, name)
    certificate = opened(folder)
    assert [picked(certificate, name) for name in ("b.fr", "c.fr")] == ["b.fr", "mail.ac-exemple.fr"]


def test_a_lookup_of_a_strangers_name_reads_nothing_below_it(folder: Path) -> None:
    write_pair(folder / "sni" / "a.fr", "un")
    certificate = opened(folder)
    for name in ("../a.fr", "/etc/passwd", "a" * 70_000, "a.fr/../a.fr"):
        assert picked(certificate, name) == "mail.ac-exemple.fr"
