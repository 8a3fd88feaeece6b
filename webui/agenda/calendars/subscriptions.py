"""Subscribe to an agenda at a web address, and refresh it. What is there is looked at before anything is promised."""

from dataclasses import dataclass, field, replace

from starlette.responses import Response

from mailserver.calendars.feeds import Fault, Unfit, address
from mailserver.foundation.network.safe_fetch import MAX_ADDRESS
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.store.agenda import agenda_feeds
from webui.agenda import event_items
from webui.agenda.calendars import feed_state, manage
from webui.agenda.calendars.feed_state import Asked
from webui.agenda.collections_shown import MAX_NAME, fresh, unused
from webui.agenda.event_items import home
from webui.http.turns import Turns
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

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
            place = await event_items.desk(services, visit)
            props = fresh(title[:MAX_NAME], unused([shelf.colour for shelf in place.shelves]))
            await services.feeds.subscribe(visit.account_id, source, found, props)
        except Unfit as unfit:
            return await self._again(services, visit, asked, feed_state.sentence(visit, unfit.fault))
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
        return await manage.show_agendas(services, visit, asked=replace(asked, fault=fault))


def _busy(visit: Visit) -> str:
    return visit._("Trop d’adresses sont lues en ce moment. Recommencez dans une minute.")


def _refusal(visit: Visit, refused: Refused) -> str:
    """Raises what was refused, if it is none of a subscription's reasons."""
    match refused.reason:
        case Reason.CONFLICT:
            return visit._("Cette adresse est déjà parmi vos abonnements.")
        case Reason.LIMIT:
            return feed_state.too_many(visit)
        case Reason.TOO_BIG | Reason.INVALID:
            return feed_state.sentence(visit, Fault.NOT_CALENDAR)
    raise refused
