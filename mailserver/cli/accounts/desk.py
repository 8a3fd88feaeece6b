"""What the commands about accounts share: the desk they work at, and how an account is shown."""

import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer

from directory.people.lifecycle import Account, Accounts
from mailserver.cli.shared import date, open_store, origin, run
from mailserver.foundation.settings import Passwords, Settings
from mailserver.login.passwords import renewal
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.folding import fold_login
from mailserver.model.identity import State
from mailserver.runtime.directory_adapter import make_directory
from mailserver.store.account.accounts import Standing
from mailserver.store.engine.transactions import Store
from mailserver.store.mail.access import boxes
from mailserver.texts.catalogue import N_
from mailserver.texts.command_line import _

T = TypeVar("T")

Name = Annotated[
    str, typer.Argument(metavar="LOGIN", help=_("L’identifiant ou n’importe quelle adresse de la personne."))
]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works with."""

    store: Store
    accounts: Accounts


def at_desk(settings: Settings, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Run a command's work; the audit names the operating system's user."""

    async def opened() -> T:
        async with _desk(settings) as desk:
            return await work(desk)

    return run(opened)


@contextlib.asynccontextmanager
async def _desk(settings: Settings) -> AsyncIterator[Desk]:
    async with open_store(settings) as store:
        directory = make_directory(settings, store, store.clock)
        try:
            accounts = Accounts(
                directory=directory,
                store=store,
                proofs=Proofs(settings.secret("hmac")),
                clock=store.clock,
                origin=origin(),
                terms=settings.accounts,
            )
            yield Desk(store, accounts)
        finally:
            directory.close()


async def account_or_box(desk: Desk, login: str, domain: str) -> int:
    """The account of a person, or of a functional box. Raises Refused(NOT_FOUND)."""
    folded = fold_login(login)
    whole = folded if "@" in folded else f"{folded}@{domain}"
    return await desk.store.read(boxes.find, whole) or (await desk.accounts.find(login)).principal.account_id


# ---------------------------------------------------------------------- showing


def facts(account: Account, passwords: Passwords | None = None) -> dict[str, object]:
    """Everything that is told of an account."""
    principal, standing = account.principal, account.standing
    return {
        "login": principal.login,
        "address": principal.address,
        "name": principal.name,
        "role": principal.role.value,
        "state": standing.state.value,
        "uai": principal.uai,
        "discipline": principal.discipline,
        "aliases": list(principal.aliases),
        "may_receive": standing.may_receive,
        "quota": principal.quota_bytes,
        "created": date(standing.created),
        "activated": date(standing.activated),
        "last_login": date(standing.last_login),
        **(_password_facts(standing, passwords) if passwords is not None else {}),
        "recovery_address": standing.recovery_address,
        "source": standing.source,
        **state_facts(standing),
    }


def _password_facts(standing: Standing, passwords: Passwords) -> dict[str, object]:
    """Since when the password stands, and until when."""
    return {
        "password_set": date(standing.password_set),
        "password_expires": date(renewal.expires_at(passwords, standing.renewal)),
        "password_expired": renewal.is_expired(passwords, standing.renewal, time.time()),
        "renewal_notices": standing.renewal.notices,
    }


def state_facts(standing: Standing) -> dict[str, object]:
    """The state, and what is planned."""
    return {
        "state": standing.state.value,
        "reason": standing.reason,
        "since": date(standing.since),
        "suspend_from": date(standing.suspend_from),
        "suspend_until": date(standing.suspend_until),
        "close_at": date(standing.close_at),
        "close_reason": standing.close_reason,
        "reply_until": date(standing.reply_until),
        "auto_reply": standing.auto_reply,
        "erase_at": date(standing.erase_at),
        "erased": date(standing.erased),
    }


def tell(account: Account, as_json: bool) -> None:
    """What the account is now."""
    if as_json:
        print(json.dumps(facts(account), ensure_ascii=False))
        return
    print(f"{account.principal.login}: {account.standing.state.value}{_planned(account.standing)}")


def _planned(standing: Standing) -> str:
    """What will become of it, in words."""
    is_closed = standing.state is State.CLOSED
    words = {
        N_(", suspendu à partir de {moment}"): standing.suspend_from,
        N_(", jusqu’à {moment}"): standing.suspend_until,
        N_(", ferme {moment}"): standing.close_at,
        N_(", répond jusqu’à {moment}"): standing.reply_until if is_closed else 0,
        N_(", effacé {moment}"): standing.erased or (standing.erase_at if is_closed else 0),
    }
    return "".join(_(word, moment=date(when)) for word, when in words.items() if when)
