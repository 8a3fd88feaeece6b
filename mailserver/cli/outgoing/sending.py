"""`mailserver sending`: who sends much, what waits since somebody sent too much, and who may send more."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from mailserver.cli.accounts.desk import Desk, Name, at_desk
from mailserver.cli.open_delivery import open_delivery
from mailserver.cli.shared import AsJson, InstanceDir, date, fail, origin, settings_of, with_help, with_store
from mailserver.model.clock import DAY
from mailserver.model.errors import Refused
from mailserver.model.rules.sentences import span
from mailserver.model.sending.sending_limits import LONGEST, MINUTE, Marks, Usage
from mailserver.outbound.submission.waiting.held import HeldSubmissions
from mailserver.policy.rules.sending_limits import SendingLimits
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue import sent_counts
from mailserver.store.queue.held import held_submissions
from mailserver.store.queue.held.held_submissions import Held
from mailserver.store.queue.sent_counts import Allowance
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.texts.causes import Cause, utc
from mailserver.texts.command_line import LANGUAGE, _, of_error

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True)
MOST = 50
MAX_TIMES = 1000
MAX_DAYS = 366

Numbers = Annotated[
    list[int] | None,
    typer.Argument(metavar="[ID]...", help=_("Numéros des messages, tels que `sending held` les montre.")),
]
Account = Annotated[
    str, typer.Option("--account", metavar="LOGIN", help=_("Tous les messages de ce compte qui attendent."))
]


@dataclass(frozen=True, slots=True)
class _Used:
    """What an account has sent, and what it may send."""

    login: str
    usage: Usage
    marks: Marks
    factor: int

    def rows(self, now: int) -> list[dict[str, object]]:
        """A row for each mark: what is counted, within how long, how many, and where it waits or is refused."""
        found: list[dict[str, object]] = []
        for mark in self.marks.recipients:
            minutes = [one for one in self.usage.minutes if one.start + MINUTE > now - mark.seconds]
            count = sum(one.recipients for one in minutes)
            found.append({"what": "recipients", "count": count, **asdict(mark)})
        found.append({"what": "new-outside", "count": self.usage.new_outside, **asdict(self.marks.new_outside)})
        mark = self.marks.failures
        failures = sum(one.failures for one in self.usage.minutes if one.start + MINUTE > now - mark.seconds)
        found.append({"what": "failures", "count": failures, **asdict(mark)})
        return found


@app.command()
@with_help(_("Montrer ce qu’un compte a envoyé et ce qu’il peut envoyer ; sans LOGIN, les plus gros envois."))
def show(
    directory: InstanceDir, login: Annotated[str, typer.Argument(metavar="[LOGIN]")] = "", as_json: AsJson = False
) -> None:
    """Show what an account has sent and may send; without LOGIN, who sends most."""
    if login:
        _show_one(directory, login, as_json=as_json)
        return

    async def work(store: Store) -> tuple[list[tuple[int, str, int, int]], list[Allowance], int]:
        return await store.read(_everybody)

    busiest, allowed, waiting = with_store(settings_of(directory), work)
    if as_json:
        senders = [{"login": name, "recipients": sent, "failures": failed} for _id, name, sent, failed in busiest]
        facts = {"senders": senders, "allowances": [asdict(one) for one in allowed], "held": waiting}
        print(json.dumps(facts, ensure_ascii=False))
        return
    for _id, name, sent, failed in busiest:
        text = _(
            "{login} : {sent} destinataires en dix heures, {failed} refusés ailleurs",
            login=name,
            sent=sent,
            failed=failed,
        )
        print(text)
    for one in allowed:
        end = utc(one.until)
        print(_("{login} peut envoyer {times} fois plus jusqu’au {end}", login=one.login, times=one.factor, end=end))
    print(_("{count} messages retenus.", count=waiting))


def _everybody(tx: Tx) -> tuple[list[tuple[int, str, int, int]], list[Allowance], int]:
    busiest = list(sent_counts.busiest(tx, tx.now - LONGEST, MOST))
    return busiest, sent_counts.allowances(tx), held_submissions.count(tx)


def _show_one(directory: Path, login: str, *, as_json: bool) -> None:
    settings = settings_of(directory)
    limits = SendingLimits(settings)

    async def work(desk: Desk) -> tuple[_Used, int]:
        who = (await desk.accounts.find(login)).principal

        def look(tx: Tx) -> _Used:
            factor = sent_counts.factor(tx, who.account_id)
            marks = limits.marks(who.role.population, factor, tx.clock.now())
            return _Used(who.login, sent_counts.usage(tx, who.account_id), marks, factor)

        return await desk.store.read(look), int(desk.store.clock.now())

    used, now = at_desk(settings, work)
    if as_json:
        print(json.dumps({"login": used.login, "factor": used.factor, "marks": used.rows(now)}))
        return
    names = {
        "recipients": _("destinataires"),
        "new-outside": _("nouveaux correspondants extérieurs"),
        "failures": _("adresses refusées ailleurs"),
    }
    for row in used.rows(now):
        within = span(int(str(row["seconds"]))).to(LANGUAGE)
        facts = {"what": names[str(row["what"])], "span": within}
        numbers = {key: row[key] for key in ("count", "hold", "refuse")}
        print(
            _("{what} en {span} : {count} (retenu au-delà de {hold}, refusé au-delà de {refuse})", **facts, **numbers)
        )


@app.command()
@with_help(_("Montrer les messages qui attendent, parce que leur auteur a envoyé plus que d’habitude."))
def held(directory: InstanceDir, account: Account = "", as_json: AsJson = False) -> None:
    """Show the messages that wait."""
    found = _deciding(directory, lambda desk, _decides: _waiting(desk, account))
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        addresses = [target.address for target in one.targets]
        whom = " ".join(addresses[:3]) + (f" … ({len(addresses)})" if len(addresses) > 3 else "")
        print(f"{one.id}  {date(one.held)}  {one.login}  {one.reverse_path or '<>'} -> {whom}  {one.subject}")
    print(_("{count} messages retenus.", count=len(found)))


@app.command()
@with_help(_("Laisser partir des messages qui attendent. Code de retour 1 : l’un d’eux n’a pas pu partir."))
def release(directory: InstanceDir, numbers: Numbers = None, account: Account = "", as_json: AsJson = False) -> None:
    """Let messages that wait leave. Exit code 1: one of them could not."""
    _check_named(numbers, account)

    async def work(desk: Desk, decides: HeldSubmissions) -> tuple[list[int], dict[int, str]]:
        done: list[int] = []
        faults: dict[int, str] = {}
        for number in numbers or [one.id for one in await _waiting(desk, account)]:
            try:
                await decides.release(number, origin())
            except Refused as refusal:
                faults[number] = of_error(refusal)
                continue
            done.append(number)
        return done, faults

    done, faults = _deciding(directory, work)
    if as_json:
        print(json.dumps({"released": done, "refused": faults}, ensure_ascii=False))
    else:
        print(_("{count} messages partis.", count=len(done)))
        for number, why in faults.items():
            print(_("{number} : pas parti ({reason}).", number=number, reason=why))
    if faults:
        raise typer.Exit(1)


@app.command()
@with_help(_("Ne pas envoyer des messages qui attendent ; leur auteur est prévenu."))
def drop(directory: InstanceDir, numbers: Numbers = None, account: Account = "", as_json: AsJson = False) -> None:
    """Do not send messages that wait; their author is told."""
    _check_named(numbers, account)

    async def work(desk: Desk, decides: HeldSubmissions) -> int:
        return await decides.drop(numbers or [one.id for one in await _waiting(desk, account)], origin())

    count = _deciding(directory, work)
    print(json.dumps({"dropped": count}) if as_json else _("{count} messages ne partiront pas.", count=count))


@app.command()
@with_help(_("Laisser un compte envoyer plus que les autres pendant un temps ; --times 1 : comme les autres."))
def allow(
    directory: InstanceDir,
    login: Name,
    times: Annotated[int, typer.Option(metavar="N", min=1, max=MAX_TIMES, help=_("Combien de fois plus."))] = 10,
    days: Annotated[int, typer.Option(metavar="N", min=1, max=MAX_DAYS, help=_("Pendant combien de jours."))] = 1,
    as_json: AsJson = False,
) -> None:
    """Let an account send more than others for a time."""

    async def work(desk: Desk) -> tuple[str, int]:
        who = (await desk.accounts.find(login)).principal
        until = int(desk.store.clock.now()) + days * DAY

        def unit(tx: Tx) -> None:
            sent_counts.allow(tx, who.account_id, times, until)
            detail = Cause("allowance", times=times, end=utc(until))
            audit.record(tx, origin(), Action.ALLOWANCE_SET, who.account_id, detail)

        await desk.store.write(unit)
        return who.login, until

    name, until = at_desk(settings_of(directory), work)
    if as_json:
        print(json.dumps({"login": name, "times": times, "until": until}))
    else:
        end = utc(until)
        print(_("{login} peut envoyer {times} fois plus jusqu’au {end}", login=name, times=times, end=end))


@app.command()
@with_help(_("Compter de nouveau à partir de zéro ce qu’un compte envoie."))
def forget(directory: InstanceDir, login: Name, as_json: AsJson = False) -> None:
    """Count anew what an account sends."""

    async def work(desk: Desk) -> str:
        who = (await desk.accounts.find(login)).principal

        def unit(tx: Tx) -> None:
            sent_counts.forget(tx, who.account_id)
            audit.record(tx, origin(), Action.ALLOWANCE_SET, who.account_id, Cause("counted-anew"))

        await desk.store.write(unit)
        return who.login

    name = at_desk(settings_of(directory), work)
    print(json.dumps({"login": name}) if as_json else _("{login} : compté à partir de zéro.", login=name))


def _check_named(numbers: list[int] | None, account: str) -> None:
    if bool(numbers) == bool(account):
        fail(_("dites des numéros ou --account LOGIN, pas les deux"))


async def _waiting(desk: Desk, login: str) -> list[Held]:
    """What waits, of one account or of all."""
    account_id = (await desk.accounts.find(login)).principal.account_id if login else 0
    found: list[Held] = []
    while True:
        after = found[-1].id if found else 0
        if account_id:
            page = await desk.store.read(held_submissions.of_account, account_id, after)
        else:
            page = await desk.store.read(held_submissions.waiting, after)
        if not page:
            return found
        found += page


def _deciding(directory: Path, work: Callable[[Desk, HeldSubmissions], Awaitable[T]]) -> T:
    settings = settings_of(directory)

    async def opened(desk: Desk) -> T:
        store = desk.store
        with open_delivery(settings, store) as (people, delivery):
            decides = HeldSubmissions(
                settings=settings, store=store, directory=people, delivery=delivery, clock=store.clock
            )
            return await work(desk, decides)

    return at_desk(settings, opened)
