"""TLSA records (RFC 6698, 7671) and the certificates that they fit, for servers of mail (RFC 7672 section 3)."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto
from service_identity import VerificationError
from service_identity.cryptography import verify_certificate_hostname
from service_identity.exceptions import CertificateError

MAX_CHAIN = 10
"""Certificates of a server that are looked at."""
TRUST_ANCHOR, SERVER = 2, 3
"""Usages. Those that rest on authorities that everybody knows (0, 1) say nothing here (RFC 7672 section 3.1.3)."""
WHOLE, KEY = 0, 1
_HASHES = {1: hashlib.sha256, 2: hashlib.sha512}
_SIZES = {1: 32, 2: 64}
_FOR_SERVERS = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)


class NoMatch(Exception):
    """The certificates of a server do not fit; the text says why."""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """A record."""

    usage: int
    selector: int
    matching: int
    data: bytes

    @property
    def is_usable(self) -> bool:
        """Whether it says something that can be looked at."""
        known = self.usage in (TRUST_ANCHOR, SERVER) and self.selector in (WHOLE, KEY)
        return known and bool(self.data) and (self.matching == 0 or _SIZES.get(self.matching) == len(self.data))

    def fits(self, certificate: x509.Certificate) -> bool:
        """Whether it is about this certificate, or its key."""
        if self.selector == WHOLE:
            octets = certificate.public_bytes(Encoding.DER)
        else:
            octets = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = _HASHES[self.matching](octets).digest() if self.matching else octets
        return hmac.compare_digest(digest, self.data)


def usable(records: Iterable[Tlsa]) -> tuple[Tlsa, ...]:
    """Those that can be looked at, in order; of digests of the same only the strongest (RFC 7671 section 9)."""
    known = sorted(
        {one for one in records if one.is_usable}, key=lambda one: (one.usage, one.selector, one.matching, one.data)
    )
    best: dict[tuple[int, int], int] = {}
    for one in known:
        best[one.usage, one.selector] = max(best.get((one.usage, one.selector), 0), one.matching)
    return tuple(one for one in known if one.matching in (0, best[one.usage, one.selector]))


def check(chain: Sequence[bytes], records: Sequence[Tlsa], names: Sequence[str]) -> None:
    """Whether what a server has shown fits one of the records: its own certificate, or one that it is signed by.

    The first says everything itself: neither its names nor its dates count (RFC 7672 section 3.1.1). Below the second,
    the certificate has to be good for one of the names (3.1.2). Raises NoMatch.
    """
    try:
        _check(chain[:MAX_CHAIN], records, names)
    except NoMatch:
        raise
    except Exception as error:  # noqa: BLE001 - made by strangers: versions, algorithms, extensions that nobody knows
        raise NoMatch(f"a certificate that cannot be read ({type(error).__name__})") from None


def _check(chain: Sequence[bytes], records: Sequence[Tlsa], names: Sequence[str]) -> None:
    shown = [x509.load_der_x509_certificate(octets) for octets in chain]
    if not shown:
        raise NoMatch("no certificate")
    if any(one.usage == SERVER and one.fits(shown[0]) for one in records):
        return
    named = [one for one in records if one.usage == TRUST_ANCHOR]
    anchors = [one for one in _anchors(shown[1:], named) if one != shown[0]]
    if not anchors:
        raise NoMatch("no TLSA record fits")
    _check_chain(shown, anchors)
    _check_use(shown[0])
    _check_names(shown[0], names)


def _anchors(above: Sequence[x509.Certificate], records: Sequence[Tlsa]) -> Iterable[x509.Certificate]:
    """The certificates that the domain trusts: among those shown, and such as stand whole in a record."""
    for record in records:
        yield from (one for one in above if record.fits(one))
        if (record.selector, record.matching) == (WHOLE, 0):
            yield x509.load_der_x509_certificate(record.data)


def _check_chain(shown: Sequence[x509.Certificate], anchors: Iterable[x509.Certificate]) -> None:
    """Whether signatures and dates lead from the first certificate to an anchor, itself signed or not."""
    try:
        store = crypto.X509Store()
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(datetime.now(UTC))
        for anchor in anchors:
            store.add_cert(crypto.X509.from_cryptography(anchor))
        leaf, *above = (crypto.X509.from_cryptography(one) for one in shown)
        crypto.X509StoreContext(store, leaf, above).verify_certificate()
    except crypto.X509StoreContextError as error:
        raise NoMatch(str(error)) from None


def _check_use(certificate: x509.Certificate) -> None:
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not any(one in _FOR_SERVERS for one in uses):
        raise NoMatch("a certificate that is not for servers")


def _check_names(certificate: x509.Certificate, names: Sequence[str]) -> None:
    for name in names:
        try:
            verify_certificate_hostname(certificate, name)
        except (VerificationError, CertificateError, ValueError):
            continue
        return
    raise NoMatch("a certificate for another name")
