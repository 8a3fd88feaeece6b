"""Certificates for tests: of any name, from and to any day, signed by an authority of theirs."""

import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SIGNER = ec.generate_private_key(ec.SECP256R1())


def write_pair(
    folder: Path, subject: str, *names: str, days: float = 90, key: ec.EllipticCurvePrivateKey | None = None
) -> x509.Certificate:
    """`cert.pem` and `key.pem` of a folder, in place of those before; the certificate ends after so many days."""
    folder.mkdir(parents=True, exist_ok=True)
    key = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    ends = now + datetime.timedelta(days=days)
    signed = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, ends) - datetime.timedelta(days=90))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in (subject, *names)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(SIGNER.public_key()), critical=False)
        .sign(SIGNER, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for name, octets in (("key.pem", private), ("cert.pem", signed.public_bytes(serialization.Encoding.PEM))):
        (folder / f".{name}").write_bytes(octets)
        os.replace(folder / f".{name}", folder / name)
    return signed
