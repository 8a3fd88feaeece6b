"""TLS of an instance: the self-signed certificate that `init` makes, and the server context of the doors."""

import datetime
import ipaddress
import os
import ssl
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_DAYS = 825


def make_certificate(certificate: Path, key: Path, names: Iterable[str], now: datetime.datetime) -> None:
    """Write a self-signed P-256 certificate for these host names, localhost and the loopback addresses."""
    private = ec.generate_private_key(ec.SECP256R1())
    hosts = list(dict.fromkeys(("localhost", *names)))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[-1][:64])])
    alternatives: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.parent.mkdir(parents=True, exist_ok=True)
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    write_secret(
        key,
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def write_secret(path: Path, data: bytes) -> None:
    """Create a file only its owner can read. Raises FileExistsError rather than replace one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)  # a key that a crash emptied cannot be made again


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and later. Raises OSError or ssl.SSLError when the files cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
