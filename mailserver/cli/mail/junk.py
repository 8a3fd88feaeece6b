"""`mailserver junk`: what the filter has learned, teaching it from files, making it forget; what has a virus in it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from mailserver.cli.accounts.desk import Desk, at_desk
from mailserver.cli.open_delivery import open_delivery
from mailserver.cli.shared import AsJson, InstanceDir, date, fail, origin, settings_of, with_help, with_store
from mailserver.delivery.held.infected import InfectedMail
from mailserver.inbound.junk import teaching
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import junk
from mailserver.store.mail.junk import ACADEMY
from mailserver.store.queue.held import infected
from mailserver.store.queue.held.infected import Held
from mailserver.texts.command_line import _, of_error

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True)

Login = Annotated[str, typer.Option(metavar="LOGIN", help=_("Le modèle de ce compte, au lieu de celui de l’académie."))]
Paths = list[Path] | None


@dataclass(frozen=True, slots=True)
class _State:
    """What a model has learned."""

    login: str
    spam: int
    ham: int
    least: int
    waiting: int
    filter: bool

    @property
    def judges(self) -> bool:
        return self.filter and min(self.spam, self.ham) >= self.least


@app.command()
@with_help(_("Montrer ce que le filtre des indésirables a appris, et s’il juge déjà."))
def show(directory: InstanceDir, login: Login = "", as_json: AsJson = False) -> None:
    """Show what the filter has learned, and whether it judges yet."""
    settings = settings_of(directory)

    async def work(desk: Desk) -> _State:
        model = await desk.store.read(junk.standing, await _account(desk, login))
        waiting = await desk.store.read(junk.waiting)
        spam, ham = (model.spam, model.ham) if model is not None else (0, 0)
        return _State(login, spam, ham, settings.junk.least, waiting, settings.junk.filter)

    state = at_desk(settings, work)
    if as_json:
        facts = {"spam": state.spam, "ham": state.ham, "least": state.least, "waiting": state.waiting}
        print(json.dumps({"login": login, **facts, "judges": state.judges}))
        return
    print(
        _(
            "{who} : {spam} indésirables et {ham} autres messages appris ; {waiting} en attente.",
            who=login or _("L’académie"),
            spam=state.spam,
            ham=state.ham,
            waiting=state.waiting,
        )
    )
    if state.judges:
        print(_("Ce modèle juge les messages de l’extérieur."))
    elif not state.filter:
        print(_("Le filtre est éteint ([junk] filter)."))
    else:
        print(_("Il ne juge pas encore : il en faut {least} de chaque sorte.", least=state.least))


@app.command()
@with_help(
    _(
        "Apprendre des messages : fichiers, mbox, Maildir ou dossiers. Un message nommé deux fois à la "
        "fois compte une fois ; le même message appris par deux commandes compte deux fois."
    )
)
def train(
    directory: InstanceDir,
    spam: Annotated[Paths, typer.Option(metavar="PATH", help=_("Des indésirables."))] = None,
    ham: Annotated[Paths, typer.Option(metavar="PATH", help=_("Des messages désirables."))] = None,
    login: Login = "",
    as_json: AsJson = False,
) -> None:
    """Learn messages: files, mbox, Maildir or folders. A message named twice at once counts once."""
    settings = settings_of(directory)
    for path in (*(spam or ()), *(ham or ())):
        if not path.exists():
            fail(_("{path} : il n’y a rien là", path=path))
    if not spam and not ham:
        fail(_("dites --spam PATH, --ham PATH ou les deux"))

    async def work(desk: Desk) -> tuple[int, int]:
        account_id = await _account(desk, login)
        return await teaching.train(desk.store, account_id, teaching.lessons_of(spam or [], ham or []), origin())

    learned = dict(zip(("spam", "ham"), at_desk(settings, work), strict=True))
    print(json.dumps(learned) if as_json else _("Appris : {spam} indésirables, {ham} autres messages.", **learned))


@app.command()
@with_help(
    _(
        "Oublier ce que l’académie a appris, ou un compte (--login), ou tous (--everything). Le courrier "
        "reste où il est ; sans modèle rien n’est jugé."
    )
)
def reset(
    directory: InstanceDir,
    login: Login = "",
    everything: Annotated[
        bool, typer.Option("--everything", help=_("Le modèle de l’académie et ceux de tous les comptes."))
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Forget what the academy, or an account, or everybody has taught."""
    settings = settings_of(directory)
    if login and everything:
        fail(_("dites --login ou --everything, pas les deux"))

    async def work(desk: Desk) -> int:
        account_id = None if everything else await _account(desk, login)
        return await desk.store.write(teaching.forget, account_id, origin())

    count = at_desk(settings, work)
    print(json.dumps({"forgotten": count}) if as_json else _("{count} modèles oubliés.", count=count))


Number = Annotated[
    int, typer.Argument(metavar="ID", help=_("Numéro du message, tel que `junk held` le montre."), min=1)
]


@app.command()
@with_help(_("Montrer les messages où un virus a été trouvé, retenus pour l’informatique."))
def held(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Show the messages in which a virus was found, held for IT."""

    async def work(store: Store) -> list[Held]:
        found: list[Held] = []
        while page := await store.read(infected.waiting, found[-1].id if found else 0):
            found += page
        return found

    found = with_store(settings_of(directory), work)
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        whom = f"{one.reverse_path or '<>'} -> {' '.join(one.recipients[:5])}"
        print(f"{one.id}  {date(one.held)}  {one.virus}  {whom}  {one.subject}")
    print(_("{count} messages retenus.", count=len(found)))


@app.command()
@with_help(
    _("Remettre à ses destinataires un message retenu, avec ce qu’il contient : pour une fausse alerte seulement.")
)
def release(directory: InstanceDir, number: Number, as_json: AsJson = False) -> None:
    """Deliver a held message after all, with what is in it: for a false alarm alone."""
    done = _deciding(directory, lambda desk: desk.release(number, origin()))
    if as_json:
        left = {address: of_error(refusal) for address, refusal in done.left.items()}
        print(json.dumps({"id": number, "released": True, "accounts": done.accounts, "left": left}))
        return
    print(_("{number} : remis à {count} personnes.", number=number, count=done.accounts))
    for address, refusal in done.left.items():
        print(
            _("{address} : pas remis, le message reste retenu ({reason}).", address=address, reason=of_error(refusal))
        )


@app.command()
@with_help(_("Jeter un message retenu. Ses destinataires ont été prévenus quand il l’a été."))
def delete(directory: InstanceDir, number: Number, as_json: AsJson = False) -> None:
    """Throw a held message away."""
    _deciding(directory, lambda desk: desk.delete(number, origin()))
    print(json.dumps({"id": number, "deleted": True}) if as_json else _("{number} : supprimé.", number=number))


def _deciding(directory: Path, work: Callable[[InfectedMail], Awaitable[T]]) -> T:
    settings = settings_of(directory)

    async def opened(store: Store) -> T:
        with open_delivery(settings, store) as (_people, delivery):
            return await work(InfectedMail(settings=settings, store=store, delivery=delivery, clock=store.clock))

    return with_store(settings, opened)


async def _account(desk: Desk, login: str) -> int:
    return (await desk.accounts.find(login)).principal.account_id if login else ACADEMY
