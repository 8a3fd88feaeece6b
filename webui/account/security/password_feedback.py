"""What is wrong with a password while somebody types it: asked by the page's script, whoever it is for.

Nothing of the person is compared here, neither their data nor their former passwords: whoever holds a page could try
them out. These are judged, too, when who has proven who they are posts the form. Nothing is kept or logged.
"""

import asyncio
from collections import OrderedDict

from starlette.responses import JSONResponse, Response

from mailserver.foundation.network.peers import counts
from mailserver.login.attempts.throttle import peer_name
from mailserver.login.passwords import policy
from mailserver.login.passwords.policy import Trouble, Weakness, WeakPassword
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Refused
from webui.http import headers
from webui.page.context import Guest, Services

MAX_PASSWORD = 200
AT_ONCE = 2
"""Judged at the same time in one worker: milliseconds each, of Python that holds the interpreter."""
BURST, PER_SECOND = 60.0, 5.0
"""Questions of one peer: a school behind one address has many people who choose at the same time."""
MAX_PEERS = 10_000


class Verifying:
    """Answers for one worker."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._peers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def verify(self, services: Services, guest: Guest) -> Response:
        """POST /mot-de-passe/verifier (`nouveau`): by the rules' codes, what the page says of each that is broken."""
        if not self._may_ask(peer_name(guest.peer), services.clock.monotonic()):
            return JSONResponse({}, 429, headers=headers.page(guest.secure) | {"Retry-After": "5"})
        async with self._turn:
            found = await troubles(services, guest.form.text("nouveau"))
        profile = services.settings.passwords
        said = {code: "" for weakness, code in CODES.items() if weakness in policy.rules(profile)}
        said |= {CODES[one.weakness]: sentence(guest, one) for one in found}
        return JSONResponse({"regles": said}, headers=headers.page(guest.secure))

    def _may_ask(self, peer: str, now: float) -> bool:
        left = [self._has_left(name, times, now) for name, times in counts(peer) or (("", 1),)]
        return all(left)

    def _has_left(self, name: str, times: int, now: float) -> bool:
        most = BURST * times
        left, last = self._peers.pop(name, (most, now))
        left = min(most, left + (now - last) * PER_SECOND * times)
        self._peers[name] = (max(0.0, left - 1), now)
        if len(self._peers) > MAX_PEERS:
            self._peers.popitem(last=False)
        return left >= 1


CODES = {Weakness.WORD: "dictionnaire", Weakness.GUESSABLE: "devinable", Weakness.KNOWN: "connu"}
"""The rules that only the server can judge, by their names on the page."""


async def troubles(services: Services, text: str) -> tuple[Trouble, ...]:
    """What in a password is a word or easily guessed, by the profile of the settings."""
    secret, profile = Secret(text[:MAX_PASSWORD]), services.settings.passwords.profile
    return await asyncio.to_thread(policy.troubles, secret, profile)


async def explained(services: Services, guest: Guest, text: str, refusal: Refused) -> str:
    """What is said above the form of a password that was refused: the piece that is the trouble, or that rules were
    broken."""
    _ = guest._
    broken = refusal.broken if isinstance(refusal, WeakPassword) else ()
    if Weakness.TOO_LONG in broken:
        return _("Ce mot de passe est trop long : 128 caractères au plus.")
    if broken:
        for trouble in await troubles(services, text):
            if trouble.weakness in broken:
                return sentence(guest, trouble)
    return _("Ce mot de passe ne respecte pas toutes les règles.")


def sentence(guest: Guest, trouble: Trouble) -> str:
    """One trouble in the person's words. The piece is theirs: it is shown to nobody else."""
    _ = guest._
    if trouble.weakness is Weakness.WORD:
        return _("Le mot « %(word)s » fait la moitié de ce mot de passe ou plus.") % {"word": trouble.piece}
    if trouble.weakness is Weakness.KNOWN:
        return _("« %(word)s » est un mot de passe que tout le monde connaît.") % {"word": trouble.piece}
    if trouble.piece:
        return _("Trop facile à deviner : « %(word)s ».") % {"word": trouble.piece}
    return _("Trop facile à deviner : ajoutez des mots ou des caractères.")
