"""Real signatures by dkimpy; Ed25519 by `cryptography`, which dkimpy cannot without PyNaCl."""

import base64
import hashlib
from collections.abc import Mapping

import dkim  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MESSAGE = (
    b"From: Ada <ada@a.fr>\r\nTo: bob@b.fr\r\nSubject:  Une  question\r\n\tde plus\r\n"
    b"Date: Sat, 1 Aug 2026 10:00:00 +0200\r\n"
    b"Message-ID: <1@a.fr>\r\nX-Other: y\r\n\r\nBonjour,  \r\n\r\n  deux  blancs\t\r\n\r\n\r\n"
)


def pem(bits: int = 2048) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


KEY = pem()
OTHER = pem()


TINY = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBAMH/bv69fGfEE7ksTtWWV6YUqZUljg+unhCDlIFu6YXlr5KfL1P6
iHaM1/oGMgxF2hj37xiuavWYtrlEZZlULAcCAwEAAQJAKIPnM25xZ95sXBTj1fmT
Do1sKUjxlVbbjglc33dBcAP9yHOXQJPUgnoCutrcpUCZXy2AM5iu2iWG/pTmq28o
cQIhAO86gzrdpa8F69yuxRBw0atnme/wfdvoPi3XUzHG1jp5AiEAz5kngDId6hlw
uMRLe966JFXG0ynk1kxlt4v2YPLL+n8CIGB7Cbfw8kQ/MBulhKaXyYfGVagWJrxM
0t7sC4p0tauJAiBT6gmQhTGYXh41YYtNj9NYOp/63VVV1l3LWrUFrT8MiwIhAICo
coDDPl6ZVfJCZX/TPN3FY48sjstgScfwg+HLMB4U
-----END RSA PRIVATE KEY-----
"""
"""512 bits: no library makes such a key any more."""


def record(key: bytes) -> bytes:
    public = serialization.load_pem_private_key(key, None).public_key()
    octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(octets)


def sign(
    message: bytes, domain: bytes = b"a.fr", key: bytes = KEY, forms: bytes = b"relaxed/relaxed", **rest: bool
) -> bytes:
    """The message with a signature on top."""
    header, body = forms.split(b"/")
    field: bytes = dkim.sign(message, b"s", domain, key, canonicalize=(header, body), **rest)
    return field + message


def seal(message: bytes, domain: bytes, results: str, key: bytes = KEY) -> bytes:
    """The message as one passes it on who found these results."""
    said = f"Authentication-Results: {domain.decode()}; {results}\r\n".encode()
    fields: list[bytes] = dkim.arc_sign(said + message, b"s", domain, key, domain)
    assert fields
    return b"".join(fields) + message


def sign_ed25519(message: bytes, domain: bytes, key: Ed25519PrivateKey) -> bytes:
    """RFC 8463, over From and Subject, in the simple form."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = {line.partition(b":")[0].lower(): line for line in head.replace(b"\r\n\t", b"\0").split(b"\r\n")}
    body = body.rstrip(b"\r\n") + b"\r\n"
    digest = base64.b64encode(hashlib.sha256(body).digest())
    tags = (
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=simple/simple; d=" + domain + b"; s=e; h=from:subject; bh=" + digest
    )
    tags += b"; b="
    signed = b"".join(fields[name].replace(b"\0", b"\r\n\t") + b"\r\n" for name in (b"from", b"subject")) + tags
    return tags + base64.b64encode(key.sign(hashlib.sha256(signed).digest())) + b"\r\n" + message


def ed25519_record(key: Ed25519PrivateKey) -> bytes:
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(public)


def dkimpy_says(message: bytes, records: Mapping[str, bytes]) -> bool:
    """What dkimpy makes of the topmost signature."""

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().rstrip(".")]

    return bool(dkim.verify(message, dnsfunc=look_up))
