"""The domains that mail comes from, and the name server that both sides ask about them."""

import base64
import multiprocessing
from collections.abc import Mapping
from multiprocessing.connection import Connection

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.inbound.authentication.name_server import NameServer

COUNT = 120
"""Domains; mail comes from the first ones most."""
POLICIES = ("none", "quarantine", "reject")
SELECTOR = "s2026"
HOST = "mx1.relais.example"
"""Who hands over all mail, from 127.0.0.1."""
TTL = 3600
_KEYS = 6

Records = Mapping[tuple[str, str], list[str | bytes]]


def policy(number: int) -> str:
    """What a domain's DMARC record asks."""
    return POLICIES[number % len(POLICIES)]


def domain(number: int) -> str:
    return f"ecole{number}.example"


class Keys:
    """Keys that sign for the domains; several share one, which verifiers cannot know."""

    def __init__(self) -> None:
        self._keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(_KEYS)]

    def of(self, number: int) -> rsa.RSAPrivateKey:
        return self._keys[number % _KEYS]

    def record(self, number: int) -> bytes:
        public = self.of(number).public_key()
        octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(octets)


def records(keys: Keys) -> Records:
    """All that there is to know."""
    found: dict[tuple[str, str], list[str | bytes]] = {
        ("1.0.0.127.in-addr.arpa", "PTR"): [f"{HOST}."],
        (HOST, "A"): ["127.0.0.1"],
        (HOST, "TXT"): [b"v=spf1 a -all"],
        ("_spf.relais.example", "TXT"): [b"v=spf1 ip4:127.0.0.0/8 -all"],
    }
    for number in range(COUNT):
        name = domain(number)
        found[name, "TXT"] = [b"v=spf1 ip4:192.0.2.0/24 include:_spf.relais.example ~all"]
        found[name, "MX"] = [f"10 {HOST}."]
        found[name, "A"] = ["192.0.2.1"]
        found[f"{SELECTOR}._domainkey.{name}", "TXT"] = [keys.record(number)]
        said = f"v=DMARC1; p={policy(number)}; rua=mailto:rapports@{name}"
        found[f"_dmarc.{name}", "TXT"] = [said.encode()]
    return found


class _Fast(NameServer):
    """Answers what it was asked before from memory: what it costs itself is neither side's."""

    def __init__(self, known: Records) -> None:
        self._answers: dict[tuple[bytes, int], bytes | None] = {}
        super().__init__()
        self.known.update(known)
        self.ttl = TTL

    def _answer(self, data: bytes, most: int) -> bytes | None:
        key = data[2:], most
        if key not in self._answers:
            self._answers[key] = super()._answer(data, most)
        found = self._answers[key]
        return data[:2] + found[2:] if found is not None else None


class Names:
    """The name server, in a process of its own."""

    def __init__(self, known: Records) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_serve, args=(known, theirs), daemon=True)
        self._process.start()
        self.setting: str = self._pipe.recv()
        """`address:port`."""

    def stop(self) -> None:
        self._pipe.close()
        self._process.terminate()
        self._process.join()


def _serve(known: Records, pipe: Connection) -> None:
    pipe.send(_Fast(known).setting)
    while True:
        pipe.poll(None)
