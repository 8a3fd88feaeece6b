"""`mailserver queue route`: which way a message to an address would leave, and why. No server of mail is dialled; what
is demanded of its TLS is asked for as when mail leaves (DNS, and the policy of MTA-STS over HTTPS)."""

import json
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from mailserver.cli.shared import AsJson, InstanceDir, fail, settings_of, with_help, with_store
from mailserver.foundation.settings import OutboundRelay, Security, Settings
from mailserver.model.address import check_domain
from mailserver.model.errors import BadSyntax, Temporary
from mailserver.model.identity import Principal
from mailserver.runtime.directory_adapter import make_directory
from mailserver.store.engine.transactions import Store
from mailserver.texts import causes
from mailserver.texts.causes import Cause
from mailserver.texts.command_line import LANGUAGE, _
from smtp.relay.choice import Journey
from smtp.relay.routing import Exchanger, NoRoute, Router
from smtp.relay.tls.demand import Demand, Level
from smtp.relay.tls.policies import Policies


@dataclass(frozen=True, slots=True)
class Way:
    """What was found out."""

    journey: Journey
    relays: list[OutboundRelay]
    exchangers: list[Exchanger]
    problem: Cause | None = None
    status: str = ""


@with_help(
    _(
        "Dire par où partirait un message pour une adresse, et pourquoi. Rien n’est composé ni envoyé. "
        "Code de retour 1 : il ne partirait pas."
    )
)
def route(
    directory: InstanceDir,
    address: Annotated[str, typer.Argument(metavar=_("ADRESSE"), help=_("Un destinataire, ou son domaine."))],
    sender: Annotated[
        str,
        typer.Option("--sender", help=_("Qui l’envoie : un identifiant ou une adresse. Sinon, le service lui-même.")),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say which way a message to an address would leave, and why. Nothing is dialled. Exit code 1: it would not."""
    settings = settings_of(directory)
    domain = _domain(address)
    if domain in settings.domains:
        fail(_("{domain} est à nous : le courrier n’en sort pas", domain=domain), 1)
    journey = _journey(settings, domain, sender)
    way = with_store(settings, partial(_way, settings, journey))
    print(json.dumps(_facts(way), ensure_ascii=False) if as_json else "\n".join(_lines(settings, way)))
    raise typer.Exit(0 if way.exchangers else 1)


def _domain(address: str) -> str:
    given = address.rpartition("@")[2].lower()
    if given.startswith("[") and given.endswith("]"):
        return given
    try:
        return check_domain(given)
    except BadSyntax:
        fail(_("{address} n’est ni une adresse ni un domaine", address=address))


def _journey(settings: Settings, domain: str, sender: str) -> Journey:
    if not sender:
        return Journey(domain, settings.domain)

    async def found(store: Store) -> Principal | None:
        with closing(make_directory(settings, store, store.clock)) as people:
            return await people.find(sender)

    person = with_store(settings, found)
    if person is None and "@" not in sender:
        fail(_("personne n’a l’identifiant {login}", login=sender), 1)
    address = sender if "@" in sender or person is None else person.address
    return Journey(domain, address.rpartition("@")[2].lower(), person.role if person is not None else None)


async def _way(settings: Settings, journey: Journey, store: Store) -> Way:
    router = Router(settings)
    policies = Policies(settings=settings, store=store, clock=store.clock, resolver=router.resolver)
    relays = router.relays(journey)
    try:
        exchangers = await policies.demanded(journey.domain, await router.exchangers(journey))
    except NoRoute as error:
        return Way(journey, relays, [], error.text, error.status)
    except Temporary as error:
        return Way(journey, relays, [], causes.of(error))
    # By chance among equals: what is shown as chosen is what stands first.
    order = list(dict.fromkeys(one.relay for one in exchangers if one.relay is not None))
    return Way(journey, order or relays, exchangers)


def _lines(settings: Settings, way: Way) -> list[str]:
    lines = [_reason(way)]
    lines += [f"  {_told(relay)}" for relay in way.relays if relay.host]
    for one in way.exchangers:
        source = _("depuis {source}", source=one.source) if one.source else ""
        tls = _demanded(one.demand) if one.is_of_domain else ""
        lines.append("  " + ", ".join(filter(None, (f"{one.name} [{one.address}]:{one.port} {source}".rstrip(), tls))))
    if way.problem is not None:
        said = way.problem.to(LANGUAGE)
        lines.append(
            _("refusé pour de bon ({status}) : {why}", status=way.status, why=said)
            if way.status
            else _("le message attendrait : {why}", why=said)
        )
    required = way.journey.domain
    if any(required == one or required.endswith(f".{one}") for one in settings.outbound.require_tls):
        lines.append(_("TLS vérifié exigé ([outbound] require_tls)"))
    return lines


def _reason(way: Way) -> str:
    domain = way.journey.domain
    if not way.relays:
        return _("{domain} : par ses propres serveurs, aucun relais n’est pour ce message", domain=domain)
    relay = way.relays[0]
    met = [
        *([_("destinataires {names}", names=", ".join(relay.recipients))] if relay.recipients else []),
        *([_("rôles {names}", names=", ".join(relay.roles))] if relay.roles else []),
        *([_("expéditeurs {names}", names=", ".join(relay.senders))] if relay.senders else []),
    ]
    why = " + ".join(met) or _("relais de tout le courrier")
    if not relay.host:
        return _("{domain} : par ses propres serveurs ({why})", domain=domain, why=why)
    return _("{domain} : par des relais des réglages ({why})", domain=domain, why=why)


def _demanded(demand: Demand) -> str:
    """What its domain, or what is known of it, demands of TLS with a server."""
    if demand.is_remembered:
        return _("TLS exigé, il l’offrait jusqu’ici")
    match demand.least:
        case Level.DANE:
            return _("TLS exigé, avec une clé du DNS (DANE)")
        case Level.VERIFIED:
            return _("TLS, certificat vérifié")
        case Level.ENCRYPTED:
            return _("TLS exigé")
    return _("TLS si offert")


def _told(relay: OutboundRelay) -> str:
    how = {
        Security.OFFERED: _("TLS si offert"),
        Security.REQUIRED: _("STARTTLS, certificat vérifié"),
        Security.IMPLICIT: _("TLS, certificat vérifié"),
    }[relay.security]
    login = _("login {login}", login=relay.login) if relay.login else _("sans login")
    return _(
        "{host}, priorité {priority} : {how}, {login}", host=relay.host, priority=relay.priority, how=how, login=login
    )


def _facts(way: Way) -> dict[str, object]:
    return {
        "domain": way.journey.domain,
        "sender": way.journey.sender,
        "role": way.journey.role,
        "relays": [
            {
                "host": relay.host,
                "priority": relay.priority,
                "weight": relay.weight,
                "tls": relay.security if relay.host else "",
                "login": relay.login,
                "recipients": relay.recipients,
                "roles": relay.roles,
                "senders": relay.senders,
            }
            for relay in way.relays
        ],
        "exchangers": [
            {
                "name": one.name,
                "address": one.address,
                "port": one.port,
                "source": one.source,
                "tls": one.demand.least.name.lower() if one.is_of_domain else "",
            }
            for one in way.exchangers
        ],
        "status": way.status,
        "problem": str(way.problem) if way.problem is not None else "",
    }
