"""Simple binds: on whose behalf a connection asks from now on (RFC 4511 section 4.2, RFC 4513 section 5.1)."""

from dataclasses import dataclass

from directory.entries.tree import Kind, Tree
from directory.server.administrator import Administrator
from directory.server.faults import Fault, fault_of
from directory.server.reading.entries import NOBODY, Viewer
from directory.server.wire.messages import Bind, Code
from mailserver.login import Login
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.model.folding import fold_login
from mailserver.model.identity import Principal


@dataclass(frozen=True, slots=True)
class Bound:
    """Who came in; `principal` None: the administrator, or nobody."""

    viewer: Viewer
    principal: Principal | None = None


class Binder:
    """Proves who binds."""

    def __init__(self, tree: Tree, login: Login, administrator: Administrator) -> None:
        self._tree = tree
        self._login = login
        self._administrator = administrator

    async def authenticate(self, bind: Bind, peer: str, *, protected: bool) -> Bound:
        """`protected`: by TLS, or because the peer is this machine. Raises Fault."""
        if bind.version != 3:
            raise Fault(Code.PROTOCOL_ERROR, "only LDAP version 3 is spoken here")
        if bind.secret is None:
            raise Fault(Code.AUTH_METHOD_NOT_SUPPORTED, "only simple binds are supported")
        if not bind.secret.reveal():
            if bind.name:
                # RFC 4513 section 5.1.2: a forgotten password must not look like a success.
                raise Fault(Code.UNWILLING_TO_PERFORM, "a bind needs a password")
            return Bound(NOBODY)
        if not protected:
            raise Fault(Code.CONFIDENTIALITY_REQUIRED, "start TLS before sending a password")
        login = self.login_of(bind.name)
        try:
            if login is None:
                await self._administrator.prove(bind.secret, peer)
                return Bound(Viewer(self._tree.admin_dn, None, True))
            return await self._person(login, bind.secret, peer)
        except Refused as refused:
            # A wrong password and an unknown name have one answer, and no text.
            known = refused.reason is not Reason.AUTHENTICATION
            raise fault_of(refused) if known else Fault(Code.INVALID_CREDENTIALS) from None
        except Temporary as error:
            raise Fault(Code.UNAVAILABLE, str(error)) from None

    def login_of(self, name: str) -> str | None:
        """The login a bind name stands for; None: the administrator. Raises Fault.

        Besides distinguished names, the identifier and any of the person's addresses are taken as they
        are, as at every other door. A name that leads nowhere goes on as a login nobody has, so that it
        costs the same time as a wrong password.
        """
        if "=" not in name:
            return name
        try:
            place = self._tree.locate(name)
        except BadSyntax as error:
            raise Fault(Code.INVALID_DN_SYNTAX, str(error)) from None
        if place is not None and place.kind is Kind.ADMIN:
            return None
        return place.key if place is not None and place.kind is Kind.PERSON else name

    async def _person(self, login: str, secret: Secret, peer: str) -> Bound:
        principal = await self._login.login(login, secret, peer, "ldap")
        return Bound(Viewer(self._tree.person_dn(principal.login), fold_login(principal.login)), principal)
