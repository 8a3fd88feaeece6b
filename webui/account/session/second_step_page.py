"""The second step of logging in: the password was right, a code is asked for; nothing of the account is open yet.

Between the two steps the person waits in the form, sealed for this browser for ten minutes.
"""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.identity import Principal, State
from webui.page import sealed_fields
from webui.page.context import Guest, Services

PURPOSE = "second step"
SECONDS = 600


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for when logging in."""

    interface: str
    shared: bool = False
    """A shared computer: a shorter session, nothing remembered."""
    next: str = ""
    """An address of ours to go on to."""


@dataclass(frozen=True, slots=True)
class SecondPage:
    """The form of the second step."""

    sealed: str
    fault: str = ""
    spare: bool = False
    """A recovery code was tried: its field is open."""


@dataclass(frozen=True, slots=True)
class Halfway:
    """Somebody whose password was right, and what they asked for."""

    principal: Principal
    wish: Wish


def ask(services: Services, guest: Guest, principal: Principal, wish: Wish) -> Response:
    """The page that asks for a code."""
    values = (principal.account_id, principal.login_version, wish.interface, wish.shared, wish.next)
    sealed = sealed_fields.seal(services, guest, PURPOSE, values, SECONDS)
    return show_second_step(services, guest, SecondPage(sealed))


def show_second_step(services: Services, guest: Guest, page: SecondPage, status: int = 200) -> Response:
    """The form, with what was wrong with it."""
    return services.pages.answer(guest, "account/session/second.html", page, status)


async def halfway(services: Services, guest: Guest, sealed: str) -> Halfway | None:
    """Whoever the first step let through; None when it was too long ago, or is not true any more."""
    values = sealed_fields.unseal(services, guest, PURPOSE, sealed)
    if values is None:
        return None
    account_id, version, interface, shared, wanted = values
    principal = await services.directory.by_account(int(account_id))
    if principal is None or principal.state is not State.ACTIVE or principal.login_version != version:
        return None
    return Halfway(principal, Wish(str(interface), bool(shared), str(wanted)))
