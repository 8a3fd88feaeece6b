"""The certificate of `init`: whoever trusts its authority accepts it for its names, by OpenSSL and by NSS, and nothing
else by it."""

import datetime
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailserver.foundation.tls import AUTHORITY, make_certificate, read_pair

NAMES = ["mail.ac-exemple.fr", "ac-exemple.fr"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("authority")
    make_certificate(made / "cert.pem", made / "key.pem", NAMES, datetime.datetime.now(datetime.UTC))
    return made


def verified(folder: Path, chain: Path, *options: str) -> bool:
    """As OpenSSL judges the first certificate of a chain, the authority trusted."""
    command: list[str | Path] = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-CAfile",
        folder / AUTHORITY,
    ]
    return subprocess.run([*command, *options, chain], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", ["localhost", *NAMES])
def test_openssl_accepts_its_names(folder: Path, name: str) -> None:
    assert verified(folder, folder / "cert.pem", "-verify_hostname", name)


def test_openssl_accepts_no_other(folder: Path) -> None:
    assert verified(folder, folder / "cert.pem", "-verify_ip", "127.0.0.1")
    assert not verified(folder, folder / "cert.pem", "-verify_hostname", "ac-autre.fr")
    assert not verified(folder, folder / "cert.pem", "-verify_ip", "192.0.2.1")


@pytest.mark.needs("certutil")
def test_nss_accepts_it(folder: Path, tmp_path: Path) -> None:
    """As Thunderbird asks: for a server's certificate, with its chain."""
    store = f"sql:{tmp_path}"

    def certutil(*words: str | Path) -> None:
        subprocess.run(["certutil", "-d", store, *words], check=True, capture_output=True)

    certutil("-N", "--empty-password")
    certutil("-A", "-n", "authority", "-t", "C,,", "-i", folder / AUTHORITY)
    certutil("-A", "-n", "server", "-t", ",,", "-i", folder / "cert.pem")
    certutil("-V", "-n", "server", "-u", "V", "-e")


def test_it_signs_for_nobody_else(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with its key, which nobody has, no other name would be accepted."""
    signers: list[ec.EllipticCurvePrivateKey] = []
    keys = ec.generate_private_key

    def kept(curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        signers.append(keys(curve))
        return signers[-1]

    monkeypatch.setattr(ec, "generate_private_key", kept)
    now = datetime.datetime.now(datetime.UTC)
    make_certificate(tmp_path / "cert.pem", tmp_path / "key.pem", NAMES, now)
    authority = x509.load_pem_x509_certificate((tmp_path / AUTHORITY).read_bytes())
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "banque.example")]))
        .issuer_name(authority.subject)
        .public_key(signers[1].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("banque.example")]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signers[0].public_key()), critical=False)
        .sign(signers[0], hashes.SHA256())
    )
    (tmp_path / "forged.pem").write_bytes(forged.public_bytes(serialization.Encoding.PEM))
    command: list[str | Path] = ["openssl", "verify", "-CAfile", tmp_path / AUTHORITY, tmp_path / "forged.pem"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode != 0
    assert "permitted subtree violation" in said.stdout + said.stderr


def test_no_key_of_the_authority_is_kept(folder: Path) -> None:
    private = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    authority = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
    assert sorted(path.name for path in folder.iterdir()) == sorted([AUTHORITY, "cert.pem", "key.pem"])
    assert private.public_key() != authority.public_key()
    assert read_pair(folder / "cert.pem", folder / "key.pem").chain.endswith((folder / AUTHORITY).read_bytes())
