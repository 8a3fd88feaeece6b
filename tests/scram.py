"""A client of SCRAM-SHA-256, written from RFC 5802 alone."""

import base64
import hashlib
import hmac


class ScramClient:
    """One dialogue. `heard` says whether the server has proven that it knows the password, too."""

    def __init__(
        self, login: str, password: str, *, header: str = "n,,", nonce: str = "fyko+d2lbbFgONRv9qkxdawL"
    ) -> None:
        self._password = password.encode()
        self._header = header
        self._bare = f"n={login.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
        self._server_signature = b""

    def first(self) -> bytes:
        return (self._header + self._bare).encode()

    def final(self, challenge: bytes) -> bytes:
        said = dict(part.split("=", 1) for part in challenge.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(said["s"]), int(said["i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        bare = f"c={base64.b64encode(self._header.encode()).decode()},r={said['r']}"
        message = f"{self._bare},{challenge.decode()},{bare}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        proof = (int.from_bytes(client_key) ^ int.from_bytes(signature)).to_bytes(32)
        self._server_signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()

    def heard(self, final: bytes) -> bool:
        return final == b"v=" + base64.b64encode(self._server_signature)
