"""`mailserver rules`: who may write to whom, by population, and the emergency brake."""

import datetime
import json
from dataclasses import asdict
from enum import StrEnum
from itertools import product
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from mailserver.administration import rules as rule_changes
from mailserver.cli.shared import AsJson, InstanceDir, deadline, fail, origin, settings_of, with_help, with_store
from mailserver.foundation.settings import Settings
from mailserver.model.identity import Population
from mailserver.model.rules import PRESETS, Rules
from mailserver.store.account import rules
from mailserver.store.engine.transactions import Tx
from mailserver.texts.command_line import _

app = typer.Typer(no_args_is_help=True)


class Verdict(StrEnum):
    """What a rule says."""

    ALLOW = "allow"
    DENY = "deny"


Sender = Annotated[
    Population,
    typer.Argument(
        metavar="SENDER", help=_("pupil (élèves), teacher (enseignants), staff (personnels) ou outside (extérieur).")
    ),
]
Recipient = Annotated[
    Population,
    typer.Argument(
        metavar="RECIPIENT", help=_("pupil (élèves), teacher (enseignants), staff (personnels) ou outside (extérieur).")
    ),
]
Braked = Annotated[
    Population,
    typer.Argument(
        metavar="POPULATION",
        help=_("pupil (élèves), teacher (enseignants), staff (personnels) ou outside (extérieur)."),
    ),
]


@app.command()
@with_help(_("Montrer ce qui est interdit, et pour qui le frein est serré."))
def show(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Show what is forbidden, and whose brake is on."""
    settings = settings_of(directory)
    _tell(settings, with_store(settings, lambda store: store.read(rules.load)), as_json)


@app.command("set")
@with_help(_("Permettre ou interdire à une population d’écrire à une autre."))
def set_(
    directory: InstanceDir,
    sender: Sender,
    recipient: Recipient,
    verdict: Annotated[Verdict, typer.Argument(metavar="allow|deny")],
    as_json: AsJson = False,
) -> None:
    """Allow or forbid one population to write to another."""
    settings = settings_of(directory)

    def unit(tx: Tx) -> Rules:
        rules.forbid(tx, origin(), sender, recipient, denied=verdict is Verdict.DENY)
        return rules.load(tx)

    _tell(settings, with_store(settings, lambda store: store.write(unit)), as_json)


@app.command()
@with_help(
    _(
        "Remplacer toute la table par une qui a un nom. Les freins restent comme ils sont.\n\n"
        "open : tout le monde écrit à tout le monde. pupils-inside : les élèves et l’extérieur ne "
        "s’écrivent pas.\n"
        "pupils-supervised : et les élèves n’écrivent qu’aux enseignants et aux personnels. inside "
        ": rien ne sort ni n’entre."
    )
)
def preset(
    directory: InstanceDir,
    name: Annotated[str, typer.Argument(metavar="NAME", help=_("L’un de : {names}.", names=", ".join(PRESETS)))],
    as_json: AsJson = False,
) -> None:
    """Replace the whole table by one with a name. Brakes stay as they are.

    open: everybody writes to everybody. pupils-inside: pupils and people outside do not write to each other.
    pupils-supervised: and pupils write to teachers and staff only. inside: nothing leaves or enters.
    """
    if name not in PRESETS:
        fail(_("{name} : inconnu ; l’un de {names}", name=name, names=", ".join(PRESETS)))
    settings = settings_of(directory)

    def unit(tx: Tx) -> Rules:
        rules.set_table(tx, origin(), name, PRESETS[name])
        return rules.load(tx)

    _tell(settings, with_store(settings, lambda store: store.write(unit)), as_json)


@app.command()
@with_help(
    _("Empêcher une population d’envoyer, aussitôt et dans tous les processus ; ce qu’elle a dans la file est gardé.")
)
def brake(
    directory: InstanceDir,
    population: Braked,
    reason: Annotated[str, typer.Option(help=_("Gardé dans le registre ; les expéditeurs ne l’apprennent pas."))] = "",
    until: Annotated[
        str,
        typer.Option(help=_("Quand il prend fin de lui-même : 30m, 2h, 1d ou 2026-11-26T08:00. Sinon : à `release`.")),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Stop a population from sending, at once and in every worker; what it has queued is kept."""
    settings = settings_of(directory)
    end = deadline(settings, until) if until else 0

    def unit(tx: Tx) -> Rules:
        if end and end <= tx.now:
            fail(_("--until est déjà passé"))
        rules.brake(tx, origin(), population, end, reason)
        return rules.load(tx)

    _tell(settings, with_store(settings, lambda store: store.write(unit)), as_json)


@app.command()
@with_help(
    _(
        "Laisser une population envoyer de nouveau ; ce que le frein retenait dans la file part. "
        "Code de retour 1 : il n’était pas serré."
    )
)
def release(directory: InstanceDir, population: Braked, as_json: AsJson = False) -> None:
    """Let a population send again; what the brake held in the queue leaves. Exit code 1: it was not on."""
    settings = settings_of(directory)
    was_on, rows = with_store(settings, lambda store: store.write(rule_changes.release, origin(), population))
    if as_json:
        print(json.dumps({"population": population.value, "released": was_on, "queued": rows}))
    elif was_on:
        print(
            _(
                "{population} : desserré, {rows} envois qui attendaient dans la file partent maintenant.",
                population=population.value,
                rows=rows,
            )
        )
    if not was_on:
        fail(_("{population} : le frein n’est pas serré", population=population.value), 1)


def _tell(settings: Settings, now: Rules, as_json: bool) -> None:
    pairs = sorted(now.denied)
    if as_json:
        denied = [{"sender": sender.value, "recipient": other.value} for sender, other in pairs]
        brakes = [asdict(one) for one in now.brakes.values()]
        print(json.dumps({"denied": denied, "brakes": brakes}, ensure_ascii=False))
        return
    print("from \\ to   " + "".join(f"{recipient.value:<10}" for recipient in Population))
    verdicts = {pair: "deny" if pair in now.denied else "allow" for pair in product(Population, Population)}
    for sender in Population:
        print(f"{sender.value:<12}" + "".join(f"{verdicts[sender, other]:<10}" for other in Population).rstrip())
    for braked in now.brakes.values():
        end = _("jusqu’à nouvel ordre")
        if braked.until:
            zone = ZoneInfo(settings.web.timezone)
            end = _("jusqu’au {end:%Y-%m-%d %H:%M}", end=datetime.datetime.fromtimestamp(braked.until, zone))
        print(
            _(
                "FREIN {population} : {end}, par {actor}{why}",
                population=braked.population.value,
                end=end,
                actor=braked.actor,
                why=f" ({braked.reason})" if braked.reason else "",
            )
        )
