"""Subscribe to an agenda at a web address, and refresh it. What is there is looked at before anything is promised."""

from dataclasses import dataclass, field, replace

from starlette.responses import Response

from mailserver.errors import Reason, Refused, Temporary
from mailserver.feeds import Fault, Unfit, address
from mailserver.outside import MAX_ADDRESS
from mailserver.store import agenda_feeds
from webui.agenda import feeding, keeping, manage
from webui.agenda.feeding import Asked
from webui.agenda.keeping import home
from webui.agenda.shelves import MAX_NAME, fresh, unused
from webui.rendering import redirect
from webui.turns import Turns
from webui.visit import Services, Visit

AT_ONCE = 8
"""Addresses that a worker looks at, each for somebody else."""


@dataclass
class Subscribing:
    """The forms about subscriptions. One per worker."""

    _turns: Turns = field(default_factory=lambda: Turns(AT_ONCE))

    async def subscribe(self, services: Services, visit: Visit) -> Response:
        """POST /agenda/abonnements."""
        form = visit.form
        name = " ".join(form.text("titre").split())[:MAX_NAME]
        asked = Asked(form.text("adresse")[:MAX_ADDRESS], name)
        try:
            source = address(asked.address)
            with self._turns.hold(visit.account_id):
                found = await services.feeds.look(source)
            title = name or (found.parcel.name if found.parcel is not None else "") or visit._("Agenda abonné")
            place = await keeping.desk(services, visit)
            props = fresh(title[:MAX_NAME], unused([shelf.colour for shelf in place.shelves]))
            await services.feeds.subscribe(visit.account_id, source, found, props)
        except Unfit as unfit:
            return await self._again(services, visit, asked, feeding.sentence(visit, unfit.fault))
        except Temporary:
            return await self._again(services, visit, asked, _busy(visit))
        except Refused as refused:
            return await self._again(services, visit, asked, _refusal(visit, refused))
        return redirect(visit, f"{home(visit)}/agendas", agenda="abonne", _at="annonce")

    async def refresh(self, services: Services, visit: Visit) -> Response:
        """POST /agenda/agendas/{shelf}/actualiser: look at the address now. Raises Refused(NOT_FOUND)."""
        number = int(visit.request.path_params["shelf"])
        feed = await services.store.read(agenda_feeds.find, visit.account_id, number)
        with self._turns.hold(visit.account_id):
            fault = await services.feeds.refresh(feed)
        if fault is not None:
            return redirect(visit, f"{home(visit)}/agendas/{number}", _at="abonnement")
        return redirect(visit, f"{home(visit)}/agendas/{number}", agenda="actualise", _at="annonce")

    async def _again(self, services: Services, visit: Visit, asked: Asked, fault: str) -> Response:
        return await manage.show(services, visit, asked=replace(asked, fault=fault))


def _busy(visit: Visit) -> str:
    return visit._("Trop d’adresses sont lues en ce moment. Recommencez dans une minute.")


def _refusal(visit: Visit, refused: Refused) -> str:
    """Raises what was refused, if it is none of a subscription's reasons."""
    match refused.reason:
        case Reason.CONFLICT:
            return visit._("Cette adresse est déjà parmi vos abonnements.")
        case Reason.LIMIT:
            return feeding.too_many(visit)
        case Reason.TOO_BIG | Reason.INVALID:
            return feeding.sentence(visit, Fault.NOT_CALENDAR)
    raise refused
