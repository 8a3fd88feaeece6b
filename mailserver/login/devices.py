"""App passwords: one for each device, made here and shown once, for people whose own password stays at home.

Twenty letters that no eye takes for others, 90 bits: an HMAC is enough, so a login
with one costs no slow hash. Each opens only the doors of its scopes, never the web.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from mailserver.model.clock import Clock
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.account import accounts, devices
from mailserver.store.account.devices import Device, Scope
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text, both_in_ascii

log = structlog.get_logger("login")

LETTERS = "abcdefghjkmnpqrstuvwxyz"
"""Without i, l, o. Letters only: nobody has to change a phone's keyboard."""
LENGTH = 20
MAX_TYPED = 40
"""Characters of a secret that may be an app password with its hyphens or spaces."""
MAX_NAME = 60

SERVICES: Mapping[str, frozenset[Scope]] = {
    "imap": frozenset({Scope.MAIL}),
    "sieve": frozenset({Scope.MAIL}),
    "submission": frozenset({Scope.SEND}),
    "dav": frozenset({Scope.AGENDA}),
    "ldap": frozenset({Scope.MAIL, Scope.AGENDA}),
}
"""Which scopes open a door: one of them is enough. Doors that are not named take no app password."""

DEVICE_NEEDED = both_in_ascii(
    Text("Double authentification active : utilisez un mot de passe d’application (webmail, page Mon compte)")
)
OTHER_SCOPE = both_in_ascii(Text("Ce mot de passe d’application n’ouvre pas ce service"))
REVOKED = both_in_ascii(Text("Le mot de passe de cet appareil n’est plus valable"))

_SHAPE = re.compile(f"[{LETTERS}]{{{LENGTH}}}")
_BETWEEN = re.compile(r"[\s-]+")
_FAIR = 256 - 256 % len(LETTERS)


@dataclass(frozen=True, slots=True)
class Made:
    """A new device and its password, which is told once."""

    device: Device
    password: Secret


def candidate(secret: Secret) -> str:
    """The letters of a secret that has the shape of an app password; empty for any other."""
    text = secret.reveal()
    if len(text) > MAX_TYPED:
        return ""
    letters = _BETWEEN.sub("", text).lower()
    return letters if _SHAPE.fullmatch(letters) else ""


def opened_by(scopes: frozenset[Scope]) -> frozenset[str]:
    """The services that these scopes open."""
    return frozenset(service for service, wanted in SERVICES.items() if wanted & scopes)


def new_password(clock: Clock) -> str:
    """`abcd-efgh-jkmn-pqrs-tuvw`: 90 random bits."""
    letters = ""
    while len(letters) < LENGTH:
        letters += "".join(LETTERS[octet % len(LETTERS)] for octet in clock.token(LENGTH) if octet < _FAIR)
    return "-".join(re.findall("....", letters[:LENGTH]))


class Devices:
    """What the account pages and the console do with app passwords."""

    def __init__(self, *, store: Store, clock: Clock, proofs: Proofs) -> None:
        self._store = store
        self._clock = clock
        self._proofs = proofs

    async def listing(self, account_id: int) -> list[Device]:
        """Every device of an account, newest first."""
        return await self._store.read(devices.listing, account_id)

    async def make(self, principal: Principal, name: str, scopes: Iterable[Scope], origin: Origin) -> Made:
        """A new app password.

        Raises Refused(INVALID | LIMIT); AUTHENTICATION when every login of theirs has ended since the principal was
        read: whoever takes an account back finds no app password made that was asked for before.
        """
        wanted = frozenset(scopes)
        shown = " ".join("".join(filter(str.isprintable, name)).split())[:MAX_NAME]
        if not shown or not wanted:
            raise Refused(Reason.INVALID, "a name and a use are needed")
        password = new_password(self._clock)
        hashed = self._proofs.device(candidate(Secret(password)))
        device = await self._store.write(_make, origin, principal, hashed, shown, wanted)
        log.info("app password made", account=principal.account_id, device=device.id)
        return Made(device, Secret(password))

    async def revoke(self, account_id: int, device_id: int, origin: Origin) -> str:
        """No login with it from now on, its sessions end; the device's name. Raises Refused(NOT_FOUND)."""
        name = await self._store.write(_revoke, origin, account_id, device_id)
        if name is None:
            raise Refused(Reason.NOT_FOUND, f"{device_id}: no such device")
        log.info("app password revoked", account=account_id, device=device_id)
        return name


def _make(tx: Tx, origin: Origin, person: Principal, hashed: bytes, name: str, scopes: frozenset[Scope]) -> Device:
    account_id = person.account_id
    accounts.require_version(tx, account_id, person.login_version)
    device_id = devices.add(tx, account_id, hashed, name, scopes)
    audit.record(tx, origin, Action.APP_PASSWORD_MADE, account_id, Cause("device", id=device_id, name=name))
    return Device(device_id, name, scopes, tx.now, 0, "")


def _revoke(tx: Tx, origin: Origin, account_id: int, device_id: int) -> str | None:
    name = devices.revoke(tx, account_id, device_id)
    if name is not None:
        audit.record(tx, origin, Action.APP_PASSWORD_REVOKED, account_id, Cause("device", id=device_id, name=name))
    return name


def revoke_all(tx: Tx, origin: Origin, account_id: int) -> None:
    """No device of this account stays; each is on record."""
    for device_id, name in devices.revoke_all(tx, account_id):
        audit.record(tx, origin, Action.APP_PASSWORD_REVOKED, account_id, Cause("device", id=device_id, name=name))
