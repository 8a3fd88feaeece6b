"""`mailserver trace`: what became of messages, by their envelopes."""

import json
import time
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mailserver.administration import audit_access, message_traces
from mailserver.administration.message_traces import Message, Messages
from mailserver.cli.shared import (
    AsJson,
    InstanceDir,
    fail,
    moment,
    origin,
    settings_of,
    show_table,
    with_store,
)
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.traces import Step, Traced, Wanted
from mailserver.texts.causes import utc
from mailserver.texts.command_line import LANGUAGE, _

MOST = 10_000
LOOKS = 100
"""Each goes through two million steps."""

From = Annotated[str, typer.Option("--from", metavar="ADDRESS", help=_("L’expéditeur de l’enveloppe, ou une partie."))]
To = Annotated[str, typer.Option("--to", metavar="ADDRESS", help=_("Un destinataire de l’enveloppe, ou une partie."))]
Id = Annotated[str, typer.Option("--id", help=_("L’identifiant donné à qui a remis le message."))]
MessageId = Annotated[str, typer.Option("--message-id", help=_("Le Message-ID du message, entier."))]
Since = Annotated[
    str, typer.Option("--since", metavar="DAY", help=_("Depuis ce jour ou cette heure ; sans, tout ce qui est gardé."))
]
Until = Annotated[str, typer.Option("--until", metavar="DAY", help=_("Jusqu’à ce jour compris, ou cette heure."))]
Limit = Annotated[int, typer.Option("--limit", min=1, max=MOST, help=_("Au plus tant d’étapes trouvées."))]


def trace(
    directory: InstanceDir,
    sender: From = "",
    recipient: To = "",
    name: Id = "",
    message_id: MessageId = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """Show what became of messages. Exit code 1: nothing was found."""
    settings = settings_of(directory)
    wanted = Wanted(
        *_span(settings, since, until),
        sender=sender.strip(),
        recipient=recipient.strip(),
        name=name.strip(),
        message_id=message_id.strip(),
    )

    async def work(store: Store) -> Messages:
        await store.write(audit_access.record_search, origin(), wanted)
        return await _all(store, wanted, limit)

    found = with_store(settings, work)
    if as_json:
        facts = {"messages": [message.facts for message in found.found], "more": found.at > 0}
        print(json.dumps(facts, ensure_ascii=False))
    if not found.found:
        if as_json:
            raise typer.Exit(1)
        fail(_("aucun message n’est trouvé ; les étapes sont gardées {days} jours", days=settings.audit.trace_days), 1)
    if as_json:
        return
    for message in found.found:
        _show(message)
    if found.at:
        print(_("Il y en a d’autres, plus anciens : --until {moment}, ou --limit.", moment=utc(found.at)))


def _span(settings: Settings, since: str, until: str) -> tuple[int, int]:
    now = int(time.time())
    begin = moment(settings, since) or now - settings.audit.trace_days * DAY
    return begin, moment(settings, until, end=True) or now + DAY


async def _all(store: Store, wanted: Wanted, limit: int) -> Messages:
    """As many as are asked for, however far away: a look by itself is bounded."""
    found: list[Message] = []
    seen: set[str] = set()
    place = (0, 0)
    for _look in range(LOOKS):
        some = await store.read(message_traces.find, wanted, limit - len(found), place)
        found += [one for one in some.found if not one.way.name or one.way.name not in seen]
        seen.update(one.way.name for one in some.found)
        place = some.at, some.id
        if place == (0, 0) or len(found) >= limit:
            break
    return Messages(tuple(found), *place)


def _show(message: Message) -> None:
    print(message.way.name or "-")
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for title in (_("Quand"), _("Étape"), _("De"), _("À"), _("Réponse")):
        table.add_column(title, overflow="fold")
    for step in message.way.steps:
        table.add_row(utc(step.at), _words(step.step), escape(step.sender or "<>"), escape(_to(step)), _detail(step))
    for row in _waiting(message):
        table.add_row(*row)
    show_table(table)
    if message.way.cut:
        print(_("Il y a d’autres étapes."))
    print()


def _waiting(message: Message) -> Iterator[tuple[str, ...]]:
    for entry in message.waiting:
        detail = escape(entry.error.to(LANGUAGE))
        yield (
            utc(entry.due),
            _("prochain essai"),
            escape(entry.sender or "<>"),
            escape(" ".join(entry.recipients)),
            detail,
        )


def _to(step: Traced) -> str:
    left = step.count - len(step.recipients)
    return " ".join(step.recipients) + (f" (+{left})" if left > 0 else "")


def _detail(step: Traced) -> str:
    return escape(step.detail.to(LANGUAGE))


def _words(step: Step) -> str:
    return {
        Step.RECEIVED: _("reçu"),
        Step.SUBMITTED: _("envoyé"),
        Step.HELD: _("retenu"),
        Step.DROPPED: _("non envoyé"),
        Step.SENT: _("remis ailleurs"),
        Step.DEFERRED: _("différé"),
        Step.FAILED: _("en échec"),
        Step.FILTERED: _("filtré"),
        Step.REFUSED: _("refusé : message retiré"),
    }[step]
