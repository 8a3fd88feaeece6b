"""TLS of an instance: the certificate that `init` makes; a certificate and its key as they are read from files."""

import contextlib
import datetime
import ipaddress
import os
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mailserver.foundation.settings import SettingsError
from mailserver.texts.text import Text, Untranslated

VALID_DAYS = 825
AUTHORITY = "authority.pem"
"""Beside the certificate of `init`: what signed it."""
LOOPBACK = ("127.0.0.1", "::1")


def make_certificate(certificate: Path, key: Path, names: Sequence[str], now: datetime.datetime) -> None:
    """Write a P-256 certificate for these host names, localhost and the loopback addresses, and beside it the authority
    that signed it (`AUTHORITY`), which also ends the chain.

    Whoever trusts the authority trusts nothing else by it: it is bound to these names (RFC 5280 section 4.2.1.10), and
    its key is not kept. NSS refuses a server's certificate that is an authority itself, even once it is trusted.
    """
    hosts = list(dict.fromkeys(("localhost", *names)))
    signer = ec.generate_private_key(ec.SECP256R1())
    private = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(signer, hosts, now)
    made = _leaf(authority, signer, private.public_key(), hosts, now)
    certificate.parent.mkdir(parents=True, exist_ok=True)
    chain = [one.public_bytes(serialization.Encoding.PEM) for one in (made, authority)]
    certificate.write_bytes(b"".join(chain))
    certificate.with_name(AUTHORITY).write_bytes(chain[-1])
    write_secret(
        key,
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _authority(signer: ec.EllipticCurvePrivateKey, hosts: Sequence[str], now: datetime.datetime) -> x509.Certificate:
    name = _named_after(f"mailserver {hosts[-1]}")
    allowed: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    allowed += [x509.IPAddress(ipaddress.ip_network(address)) for address in LOOPBACK]
    return (
        _certificate(name, name, signer.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.NameConstraints(allowed, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _leaf(
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    public: ec.EllipticCurvePublicKey,
    hosts: Sequence[str],
    now: datetime.datetime,
) -> x509.Certificate:
    alternatives: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in LOOPBACK]
    return (
        _certificate(_named_after(hosts[-1]), authority.subject, public, now)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _named_after(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _certificate(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """What a key is for: signing certificates, or handshakes."""
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def is_ours(certificate: Path, chain: bytes) -> bool:
    """True while the chain ends at the authority that `init` made: nobody knows that one unless told."""
    try:
        return certificate.with_name(AUTHORITY).read_bytes() in chain
    except OSError:
        return False


def write_secret(path: Path, data: bytes) -> None:
    """Create a file only its owner can read. Raises FileExistsError rather than replace one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)  # a key that a crash emptied cannot be made again


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Pair:
    """A certificate with its chain and the key to it, as both were read at one moment. Each is another one."""

    chain: bytes
    """PEM."""
    key: bytes
    """PEM, not encrypted."""
    context: ssl.SSLContext
    """Presents it; TLS 1.2 and later."""
    names: frozenset[str]
    """Hosts that the certificate is for, in lower case; `*.` before a domain stands for one label."""
    begins: datetime.datetime
    ends: datetime.datetime
    """When it expires."""

    @contextlib.contextmanager
    def as_files(self) -> Iterator[tuple[str, str]]:
        """Names by which a library that reads files finds chain and key; nothing is written to a disk."""
        with _named(self.chain) as chain, _named(self.key) as key:
            yield chain, key


def read_pair(certificate: Path, key: Path, known: Pair | None = None) -> Pair:
    """Read and judge both files; `known` if they hold the same. Raises SettingsError: one line that names the file and
    the fault."""
    chain, private = _read(certificate), _read(key)
    if known is not None and (chain, private) == (known.chain, known.key):
        return known
    return judge(chain, private, certificate, key)


def judge(
    chain: bytes,
    private: bytes,
    certificate: Path = Path("cert.pem"),
    key: Path = Path("key.pem"),
    *,
    is_proven: bool = False,
) -> Pair:
    """Whether a certificate and a key can be presented. `is_proven`: the key was judged before; of RSA that alone takes
    a third of a second. Raises SettingsError, which names where they come from."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
        raise SettingsError(Text("{path} : ce n’est pas un certificat PEM", path=certificate)) from None
    try:
        loaded = serialization.load_pem_private_key(private, None, unsafe_skip_rsa_key_validation=is_proven)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        raise SettingsError(Text("{path} : ce n’est pas une clé privée PEM sans phrase secrète", path=key)) from None
    if loaded.public_key() != leaf.public_key():
        raise SettingsError(
            Text("{path} et {key} : la clé est celle d’un autre certificat", path=certificate, key=key.name)
        )
    with _named(chain) as chain_name, _named(private) as key_name:
        try:
            context.load_cert_chain(chain_name, key_name, password=_no_passphrase)
        except ssl.SSLError as error:
            raise SettingsError(
                Text("{path} et {key} : {error}", path=certificate, key=key.name, error=error.reason or error)
            ) from None
    return Pair(chain, private, context, _hosts(leaf), leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def end_and_names(certificate: Path) -> tuple[datetime.datetime, frozenset[str]] | None:
    """When the certificate of a file expires, and the hosts that it is for; None: there is none to be read."""
    try:
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return None
    return leaf.not_valid_after_utc, _hosts(leaf)


def _hosts(leaf: x509.Certificate) -> frozenset[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(name.lower() for name in found.get_values_for_type(x509.DNSName))


def _no_passphrase() -> str:
    """Instead of asking for one on the terminal."""
    return ""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(Untranslated(f"{path}: {error.strerror}")) from None


@contextlib.contextmanager
def _named(octets: bytes) -> Iterator[str]:
    """A file in memory alone, by a name that this process may open."""
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(octets)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
