"""`mailserver dkim`: the keys that sign what leaves: made, replaced, retired."""

import json
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from mailserver.cli.shared import AsJson, InstanceDir, date, fail, log_aside, settings_of, with_help, with_store
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.operations.health.zone import text_line
from mailserver.outbound.submission.signatures import signing_keys
from mailserver.outbound.submission.signatures.dkim import Algorithm
from mailserver.outbound.submission.signatures.signing_keys import WAIT, SigningKeys, publication_ends, record_of
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.outbound import dkim_keys
from mailserver.store.queue.outbound.dkim_keys import PUBLISHED, DkimKey, State
from mailserver.texts.command_line import _

app = typer.Typer(no_args_is_help=True)


class Kind(StrEnum):
    """An algorithm, as it is named on the command line."""

    RSA = "rsa"
    ED25519 = "ed25519"

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.RSA if self is Kind.RSA else Algorithm.ED25519


Chosen = Annotated[Kind | None, typer.Option("--algorithm", help=_("Pour cet algorithme seulement."))]
AtOnce = Annotated[
    bool,
    typer.Option("--at-once", help=_("Signer dès que la clé est vue publiée, sans attendre encore un jour.")),
]


@app.command("list")
@with_help(_("Montrer les clés, où en est chacune, et ce qu’il faut publier."))
def listing(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Show the keys, where each is in its calendar, and what is to be published."""
    settings = settings_of(directory)
    log_aside()

    async def work(store: Store) -> list[DkimKey]:
        return await _known(settings, store)

    keys = with_store(settings, work)
    if as_json:
        print(json.dumps([_facts(settings, one) for one in keys], ensure_ascii=False))
        return
    if not keys:
        print(_("Aucune clé : le courrier attend. `mailserver dkim new` en fait une."))
    for one in keys:
        _tell(settings, one)


@app.command()
@with_help(
    _(
        "Faire une clé pour chaque algorithme (RSA et Ed25519) qui n’en a pas, et écrire ce qu’il faut publier.\n\n"
        "Elle ne signe qu’une fois vue publiée sous chaque domaine, et un jour après."
    )
)
def new(directory: InstanceDir, chosen: Chosen = None, at_once: AtOnce = False, as_json: AsJson = False) -> None:
    """Make a key for each algorithm that has none; it signs once it is published."""
    settings = settings_of(directory)
    log_aside()

    async def work(store: Store) -> list[DkimKey]:
        used = {one.algorithm for one in await _known(settings, store) if one.state is State.ACTIVE}
        wanted = [one for one in Algorithm if one.value not in used and chosen in (None, _kind(one))]
        if not wanted:
            fail(_("chaque algorithme a déjà sa clé : `mailserver dkim rotate` la remplace"), 1)
        return await _made(settings, store, wanted, 0 if at_once else WAIT)

    _print_new(settings, with_store(settings, work), as_json=as_json)


@app.command()
@with_help(
    _(
        "Remplacer les clés qui signent : une nouvelle par algorithme, à publier ; l’ancienne signe jusqu’à ce que la "
        "nouvelle signe, puis reste publiée le temps que tout soit arrivé."
    )
)
def rotate(directory: InstanceDir, chosen: Chosen = None, at_once: AtOnce = False, as_json: AsJson = False) -> None:
    """Replace the keys that sign by new ones, which are to be published."""
    settings = settings_of(directory)
    log_aside()

    async def work(store: Store) -> list[DkimKey]:
        used = {one.algorithm for one in await _known(settings, store) if one.state is State.ACTIVE}
        wanted = [one for one in Algorithm if one.value in used and chosen in (None, _kind(one))]
        if not wanted:
            fail(_("aucune clé ne signe : `mailserver dkim new` en fait une"), 1)
        return await _made(settings, store, wanted, 0 if at_once else WAIT)

    _print_new(settings, with_store(settings, work), as_json=as_json)


@app.command()
@with_help(
    _(
        "Ne plus signer avec une clé, et effacer sa moitié secrète. Elle reste publiée le temps que tout "
        "soit arrivé.\n\n"
        "--revoke : d’autres l’ont peut-être ; publiée comme révoquée, elle ne vérifie plus rien."
    )
)
def retire(
    directory: InstanceDir,
    selector: Annotated[str, typer.Argument(metavar="SELECTOR", help=_("Le nom de la clé, comme `list` le montre."))],
    revoke: Annotated[bool, typer.Option("--revoke", help=_("La publier comme révoquée."))] = False,
    force: Annotated[
        bool, typer.Option("--force", help=_("Même si plus aucune clé, ou aucune clé RSA, ne signe."))
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign with a key no more, and wipe its private half."""
    settings = settings_of(directory)
    log_aside()

    async def work(store: Store) -> DkimKey:
        keys = await _known(settings, store)
        active = [one for one in keys if one.state is State.ACTIVE]
        if [one.selector for one in active] == [selector] and not force:
            fail(_("{selector} est la seule clé qui signe : remplacez-la, ou dites --force", selector=selector), 1)
        if [one.selector for one in active if one.algorithm == Algorithm.RSA.value] == [selector] and not force:
            text = _(
                "{selector} est la seule clé RSA qui signe, et peu de serveurs vérifient Ed25519 : remplacez-la, ou "
                "dites --force",
                selector=selector,
            )
            fail(text, 1)
        if not await store.write(partial(dkim_keys.retire, revoked=revoke), selector):
            fail(_("{selector} : aucune clé de ce nom ne signe", selector=selector), 1)
        return next(one for one in await store.read(dkim_keys.every) if one.selector == selector)

    key = with_store(settings, work)
    if as_json:
        print(json.dumps(_facts(settings, key), ensure_ascii=False))
    else:
        _tell(settings, key)


async def _known(settings: Settings, store: Store) -> list[DkimKey]:
    return await SigningKeys(settings=settings, store=store, clock=store.clock).take_in()


async def _made(settings: Settings, store: Store, wanted: Sequence[Algorithm], wait: int) -> list[DkimKey]:
    found = []
    for one in wanted:
        key = signing_keys.fresh(settings, one, wait)
        try:
            found.append(await store.write(signing_keys.keep, key, settings.dkim_selector))
        except Refused as refusal:
            if refusal.reason is not Reason.CONFLICT:
                raise
            fail(_("la clé {selector} attend déjà d’être publiée", selector=refusal.text), 1)
    return found


def _kind(algorithm: Algorithm) -> Kind:
    return Kind.RSA if algorithm is Algorithm.RSA else Kind.ED25519


def _print_new(settings: Settings, keys: Sequence[DkimKey], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_facts(settings, one) for one in keys], ensure_ascii=False))
        return
    for one in keys:
        _tell(settings, one)
    print(_("Publiez ces enregistrements ; la clé signera d’elle-même, et `mailserver dkim list` dit quand."))


def _facts(settings: Settings, key: DkimKey) -> dict[str, object]:
    ends = publication_ends(key, settings.outbound.lifetime) if key.retired and not key.removed else 0
    return {
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": key.state.value,
        "created": date(key.created),
        "seen": date(key.seen),
        "signs": date(key.signs_from),
        "retired": date(key.retired),
        "published_until": date(ends),
        "records": _records(settings, key),
    }


def _records(settings: Settings, key: DkimKey) -> list[str]:
    if key.state not in PUBLISHED:
        return []
    return [text_line(f"{key.selector}._domainkey.{domain}", record_of(key)) for domain in settings.domains]


def _tell(settings: Settings, key: DkimKey) -> None:
    print(f"{key.selector} ({key.algorithm}) : {_said(settings, key)}")
    for line in _records(settings, key):
        print(f"  {line}")


def _said(settings: Settings, key: DkimKey) -> str:
    """Where a key is in its calendar."""
    ends = date(publication_ends(key, settings.outbound.lifetime))
    match key.state:
        case State.NEW:
            return _("à publier")
        case State.WAITING:
            return _("publiée, signera le {signs}", signs=date(key.signs_from))
        case State.ACTIVE:
            return _("signe depuis le {signs}", signs=date(key.signs))
        case State.RETIRED:
            return _("ne signe plus ; à laisser publiée jusqu’au {ends}", ends=ends)
        case State.REVOKED:
            return _("révoquée ; à publier ainsi jusqu’au {ends}", ends=ends)
        case State.REMOVED:
            return _("retirée ; plus rien à publier")
