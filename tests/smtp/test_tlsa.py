"""TLSA records and what they fit: certificates of every kind of record, damaged ones, names, dates, chains."""

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from smtp.relay.tls.tlsa import NoMatch, Tlsa, check, usable

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
MX = "mx.ailleurs.fr"


def certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    *,
    names: tuple[str, ...] = (),
    ends: datetime.datetime = NOW + 9 * DAY,
    use: x509.ObjectIdentifier | None = None,
) -> bytes:
    """Without names: of an authority."""
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 30 * DAY)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    if use is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    return made.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


ROOT_KEY, MIDDLE_KEY, LEAF_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
ROOT = certificate("root", ROOT_KEY, "root", ROOT_KEY)
MIDDLE = certificate("middle", MIDDLE_KEY, "root", ROOT_KEY)
LEAF = certificate("leaf", LEAF_KEY, "middle", MIDDLE_KEY, names=(MX, "*.autre.fr"))
CHAIN = [LEAF, MIDDLE, ROOT]


def record(usage: int, selector: int, matching: int, octets: bytes) -> Tlsa:
    """The record about a certificate."""
    if selector:
        key = x509.load_der_x509_certificate(octets).public_key()
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digests = {0: octets, 1: hashlib.sha256(octets).digest(), 2: hashlib.sha512(octets).digest()}
    return Tlsa(usage, selector, matching, digests[matching])


def fits(chain: list[bytes], *records: Tlsa, names: tuple[str, ...] = (MX,)) -> bool:
    try:
        check(chain, usable(records), names)
    except NoMatch:
        return False
    return True


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
def test_every_kind_of_record_fits_what_it_is_about(selector: int, matching: int) -> None:
    assert fits(CHAIN, record(3, selector, matching, LEAF), names=("elsewhere.fr",))
    assert not fits(CHAIN, record(3, selector, matching, MIDDLE))
    for anchor in (MIDDLE, ROOT):
        assert fits(CHAIN, record(2, selector, matching, anchor))
        assert not fits(CHAIN, record(2, selector, matching, anchor), names=("elsewhere.fr",))
    assert not fits(CHAIN, record(2, selector, matching, LEAF))


def test_an_anchor_that_stands_whole_in_its_record_need_not_be_shown() -> None:
    assert fits([LEAF, MIDDLE], record(2, 0, 0, ROOT))
    assert not fits([LEAF, MIDDLE], record(2, 0, 1, ROOT))
    assert not fits([LEAF], record(2, 0, 0, ROOT))


def test_names_below_an_anchor() -> None:
    anchor = record(2, 0, 1, ROOT)
    assert fits(CHAIN, anchor, names=("elsewhere.fr", MX))
    assert fits(CHAIN, anchor, names=("mx.autre.fr",))
    assert not fits(CHAIN, anchor, names=("a.mx.autre.fr",))
    assert not fits(CHAIN, anchor, names=())


def test_dates_and_use_count_below_an_anchor_alone() -> None:
    old = certificate("leaf", LEAF_KEY, "middle", MIDDLE_KEY, names=(MX,), ends=NOW - DAY)
    client = certificate("leaf", LEAF_KEY, "middle", MIDDLE_KEY, names=(MX,), use=ExtendedKeyUsageOID.CLIENT_AUTH)
    server = certificate("leaf", LEAF_KEY, "middle", MIDDLE_KEY, names=(MX,), use=ExtendedKeyUsageOID.SERVER_AUTH)
    for leaf, good in ((old, False), (client, False), (server, True)):
        assert fits([leaf, MIDDLE, ROOT], record(3, 1, 1, leaf))
        assert fits([leaf, MIDDLE, ROOT], record(2, 1, 1, ROOT)) is good


def test_what_somebody_else_signed_is_not_below_the_anchor() -> None:
    """The anchor is shown, too, and has nothing to do with it."""
    stranger = ec.generate_private_key(ec.SECP256R1())
    forged = certificate("leaf", stranger, "middle", stranger, names=(MX,))
    assert not fits([forged, MIDDLE, ROOT], record(2, 0, 1, ROOT))
    assert not fits([forged, MIDDLE, ROOT], record(2, 0, 1, MIDDLE))


def test_of_several_digests_the_strongest_counts() -> None:
    """RFC 7671 section 9."""
    good, bad = record(3, 1, 1, LEAF), Tlsa(3, 1, 2, bytes(64))
    assert usable([good, bad, good]) == (bad,)
    assert not fits(CHAIN, good, bad)
    assert fits(CHAIN, record(3, 0, 1, LEAF), bad)
    assert fits(CHAIN, record(3, 1, 0, LEAF), bad)


@pytest.mark.parametrize(
    "of_no_use",
    [
        Tlsa(0, 0, 1, bytes(32)),
        Tlsa(1, 1, 1, bytes(32)),
        Tlsa(4, 1, 1, bytes(32)),
        Tlsa(3, 2, 1, bytes(32)),
        Tlsa(3, 1, 3, bytes(32)),
        Tlsa(3, 1, 1, bytes(31)),
        Tlsa(3, 1, 2, bytes(32)),
        Tlsa(3, 1, 0, b""),
    ],
)
def test_records_of_no_use(of_no_use: Tlsa) -> None:
    assert usable([of_no_use]) == ()


_RECORDS = st.builds(Tlsa, st.integers(0, 4), st.integers(0, 2), st.integers(0, 3), st.binary(max_size=70))


@given(st.lists(st.one_of(st.binary(max_size=100), st.sampled_from(CHAIN)), max_size=4), st.lists(_RECORDS, max_size=4))
def test_nothing_that_a_stranger_makes_up_fits(chain: list[bytes], records: list[Tlsa]) -> None:
    assert not fits(chain, *records)


@given(st.integers(0, len(LEAF) - 1), st.integers(1, 255))
def test_a_certificate_that_was_changed_is_another(at: int, change: int) -> None:
    damaged = LEAF[:at] + bytes([LEAF[at] ^ change]) + LEAF[at + 1 :]
    assert not fits([damaged, MIDDLE, ROOT], record(3, 0, 1, LEAF))
    assert not fits([damaged, MIDDLE, ROOT], record(2, 0, 1, ROOT))
