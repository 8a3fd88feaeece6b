"""Who may come in: Basic authentication."""

import base64
import binascii
from typing import Final

from radicale import types
from radicale.auth import BaseAuth

from mailserver.foundation.network.peers import is_loopback
from mailserver.foundation.settings import Settings
from mailserver.login import Login
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Principal
from mailserver.texts.text import Text, both

MAX_HEADER = 8 * 1024
"""Octets of an Authorization header: logins and passwords are far shorter."""

LOGIN_KEY: Final = "agenda.login"
"""Where the WSGI environ carries the identifier of the authenticated person."""

_TOLD: Final = frozenset({Reason.SUSPENDED, Reason.CLOSED, Reason.NOT_ACTIVATED, Reason.PASSWORD_EXPIRED})
"""Reasons that `Login` gives after a right secret only, in words for the person: 403, as no other password helps."""
_PLAIN = both(Text("Le mot de passe ne peut être envoyé en clair : utilisez https."), "\n")
_WRONG = both(Text("Identifiant ou mot de passe incorrect."), "\n")
_THROTTLED = both(Text("Trop de tentatives : réessayez plus tard."), "\n")
RETRY_SECONDS = 60


class Denied(Exception):
    """The request ends here: the HTTP status, the text for the person, further header fields."""

    def __init__(self, status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers


class Gate:
    """Turns an Authorization header into a person, through the service's one login."""

    def __init__(self, settings: Settings, login: Login) -> None:
        self._login = login
        self._challenge = (("WWW-Authenticate", f'Basic realm="{settings.domain}", charset="UTF-8"'),)

    async def enter(self, header: str, peer: str, secure: bool) -> Principal:
        """The person. Raises Denied (RFC 7617, RFC 9110 section 11.6.1), Temporary."""
        if not secure and not is_loopback(peer):
            # No challenge either: it would invite the client to send the password in the clear.
            raise Denied(403, _PLAIN)
        try:
            name, secret = _credentials(header)
        except BadSyntax:
            raise Denied(401, _WRONG, self._challenge) from None
        try:
            return await self._login.login(name, secret, peer, "dav")
        except Refused as refused:
            raise self._denied(refused) from None

    def _denied(self, refused: Refused) -> Denied:
        if refused.reason is Reason.THROTTLED:
            return Denied(429, _THROTTLED, (("Retry-After", str(RETRY_SECONDS)),))
        if refused.reason is Reason.APP_PASSWORD:
            # The right password, and another one helps: the client asks for it.
            return Denied(401, refused.text.replace(" / ", "\n", 1), self._challenge)
        if refused.reason in _TOLD:
            return Denied(403, refused.text.replace(" / ", "\n", 1))
        return Denied(401, _WRONG, self._challenge)


class Authenticated(BaseAuth):
    """Radicale's view of the login: the gate has already opened."""

    def get_external_login(self, environ: types.WSGIEnviron) -> tuple[()] | tuple[str, str]:
        login = environ.get(LOGIN_KEY, "")
        return (login, "") if login else ()

    def _login(self, login: str, password: str) -> str:
        return login


def _credentials(header: str) -> tuple[str, Secret]:
    """Login and password of a Basic header (RFC 7617 section 2). Raises BadSyntax."""
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "basic" or len(header) > MAX_HEADER:
        raise BadSyntax("Basic authentication is needed")
    try:
        octets = base64.b64decode(token.strip(), validate=True)
    except binascii.Error:
        raise BadSyntax("Not base64") from None
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("iso-8859-1")
    login, colon, password = text.partition(":")
    if not colon or not login or not password:
        raise BadSyntax("Malformed credentials")
    return login, Secret(password)
