"""Text that is posted after its session has ended: kept for its author, sent by nobody.

The letter is sealed under a token that only the browser gets, in a cookie that no other site can make it send; the
store keeps it for the account of the ended session. When the same person logs in from that browser it becomes a
draft. For anybody else it does not exist.
"""

import json
from dataclasses import asdict, dataclass

from starlette.responses import Response

from mailserver.store.account import parked_texts, sessions
from webui.compose.message.message_form import Letter, from_form
from webui.page.context import PARKED, SESSION, Guest, Services, drop_cookie, set_cookie

PARKED_SECONDS = 30 * 60


@dataclass(frozen=True, slots=True)
class Stashed:
    """A letter that waits, and whether files that came with it are missing."""

    letter: Letter
    lost_files: bool


def is_letter(guest: Guest) -> bool:
    """True when what was posted is a letter."""
    return guest.request.url.path.startswith(("/s/ecrire", "/m/ecrire")) and guest.form.has("texte")


async def park(services: Services, guest: Guest) -> str:
    """Keep the posted letter for the ended session's owner; the browser's token, empty if the owner is unknown."""
    former = services.keys.stored(guest.cookie(SESSION))
    owner = await services.store.read(sessions.ended_owner, former)
    if owner is None:
        return ""
    letter = from_form(guest.form)
    token = services.keys.new_token()
    octets = json.dumps({"letter": asdict(letter), "files": guest.form.oversize}).encode()
    sealed = services.keys.seal(token, octets)
    await services.store.write(parked_texts.park, services.keys.stored(token), owner, PARKED_SECONDS, sealed)
    return token


def give(response: Response, guest: Guest, token: str) -> None:
    """The cookie that opens the parked text again."""
    set_cookie(response, guest, PARKED, token, seconds=PARKED_SECONDS, strict=True)


async def take(services: Services, guest: Guest, account_id: int) -> Stashed | None:
    """The text parked from this browser for this person, which then waits no longer."""
    token = guest.cookie(PARKED)
    if not token:
        return None
    sealed = await services.store.write(parked_texts.take_parked, services.keys.stored(token), account_id)
    octets = services.keys.unseal(token, sealed) if sealed else None
    if octets is None:
        return None
    kept = json.loads(octets)
    letter = Letter(**{**kept["letter"], "forwards": tuple(kept["letter"]["forwards"])})
    return Stashed(letter, bool(kept["files"]))


def forget(response: Response, guest: Guest) -> None:
    """Take the cookie back."""
    drop_cookie(response, guest, PARKED)
