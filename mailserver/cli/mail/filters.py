"""`mailserver filters`: the Sieve scripts of an account, what its rules say, and switching them off."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from mailserver.cli.accounts.desk import Desk, account_or_box, at_desk
from mailserver.cli.shared import AsJson, InstanceDir, origin, settings_of
from mailserver.filters import Documents, Rules, Scripts
from mailserver.filters.documents import NAME
from mailserver.filters.rules import Document, sentences
from mailserver.filters.rules.senders import named
from mailserver.model.messages.objectids import mailbox_id
from mailserver.store.account import forward_targets, forwards
from mailserver.store.account.filters import Stored
from mailserver.store.account.forward_targets import SentOn
from mailserver.store.account.forwards import Forwarding
from mailserver.store.mail import mailboxes
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.texts.causes import utc
from mailserver.texts.command_line import LANGUAGE, _
from mailserver.texts.text import Text

Who = Annotated[
    str,
    typer.Argument(metavar="LOGIN", help=_("L’identifiant ou une adresse ; d’une boîte fonctionnelle, son adresse.")),
]
Off = Annotated[bool, typer.Option("--off", help=_("Arrêter le filtre ; les scripts restent."))]


@dataclass(frozen=True, slots=True)
class _Shown:
    scripts: Sequence[Stored]
    active: Stored | None
    source: str
    rules: Rules
    said: Sequence[str]
    """The rules in sentences."""
    sent_on: Sequence[SentOn]
    """Where its scripts may send mail on to."""
    asked: Forwarding | None
    """An address that has not answered yet."""


def filters(directory: InstanceDir, login: Who, off: Off = False, as_json: AsJson = False) -> None:
    """Show the mail filters of an account, or switch them off."""
    settings = settings_of(directory)

    async def work(desk: Desk) -> _Shown:
        scripts = Scripts(settings=settings, store=desk.store)
        account_id = await account_or_box(desk, login, settings.domain)
        if off and await scripts.active(account_id) is not None:
            await scripts.activate(account_id, "", origin())
        active = await scripts.active(account_id)
        source = active[1].decode("utf-8", "replace") if active is not None else ""
        rules = await Documents(settings=settings, store=desk.store).read(account_id)
        said = _said(rules.document, await desk.store.read(mailboxes.listing, account_id))
        sent_on = await desk.store.read(forward_targets.of_account, account_id)
        _agreed, asked = await desk.store.read(forwards.of_account, account_id)
        listing = await scripts.listing(account_id)
        return _Shown(listing, active[0] if active is not None else None, source, rules, said, sent_on, asked)

    shown = at_desk(settings, work)
    if as_json:
        print(json.dumps(_facts(login, shown), ensure_ascii=False))
        return
    if not shown.scripts:
        print(_("Aucun script."))
    for one in shown.scripts:
        state = _("en service") if one.active else _("arrêté")
        about = {"name": one.name, "size": one.size, "day": utc(one.changed)}
        print(_("{name} : {state}, {size} octets, écrit le {day}", state=state, **about))
    if shown.said:
        print("\n" + (_("Règles, en service :") if shown.rules.running else _("Règles, arrêtées :")))
        for sentence in shown.said:
            print(f"- {sentence}")
    for sent in [one for one in shown.sent_on if one.script != NAME]:
        print(_("Renvoyé par « {name} » à {address}", name=sent.script, address=sent.address))
    if shown.asked is not None:
        print(_("{address} : accord demandé, sans réponse", address=shown.asked.address))
    if shown.source:
        print(f"\n{shown.source.rstrip()}")


def _said(document: Document, boxes: Sequence[Mailbox]) -> list[str]:
    """What an account has said on the pages of its filter."""
    names = {mailbox_id(box.uidvalidity): box.name for box in boxes}
    said: list[Text] = []
    if document.blocked.senders:
        who = ", ".join(map(named, document.blocked.senders))
        to_trash = document.blocked.to_trash
        said.append(
            Text("Bloqués, mis à la corbeille : {who}", who=who) if to_trash else Text("Bloqués : {who}", who=who)
        )
    if document.forward is not None:
        said.append(Text("Tout est aussi envoyé à {address}", address=document.forward.address))
    absence = document.absence
    if absence is not None and not absence.off:
        days = {"first": absence.first.isoformat(), "last": absence.last.isoformat() if absence.last else "…"}
        said.append(Text("Absence, du {first} au {last}", **days))
    for rule in document.rules:
        sentence = sentences.rule(rule, str, lambda folder: names.get(folder.object_id, folder.name))
        said.append(Text("{rule} (arrêtée)", rule=sentence) if rule.off else sentence)
    if document.beside:
        said.append(Text("Ensuite, le script « {name} »", name=document.beside))
    return [sentences.plain(one.to(LANGUAGE)) for one in said]


def _facts(login: str, shown: _Shown) -> dict[str, object]:
    return {
        "login": login,
        "active": shown.active.name if shown.active is not None else None,
        "script": shown.source,
        "rules": list(shown.said),
        "running": shown.rules.running,
        "scripts": [
            {"name": one.name, "active": one.active, "size": one.size, "changed": one.changed} for one in shown.scripts
        ],
        "sent_on": [{"address": one.address, "script": one.script, "active": one.active} for one in shown.sent_on],
        "asked": shown.asked.address if shown.asked is not None else None,
    }
