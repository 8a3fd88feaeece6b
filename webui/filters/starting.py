"""Whether mail runs through the rules of somebody, and having it do so: what each page of the filter asks."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.filters.documents import Rules
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why nothing of a page is done, where that is so."""

    is_stopped: bool
    by_hand: str
    """The script of one's own that mail runs through instead; empty: through none."""
    beside: str = ""
    """The script of one's own that it runs through behind the rules."""


def stopped(kept: Rules) -> Stopped:
    """Of rules as they are; where nothing was said yet nothing is stopped."""
    return Stopped(bool(kept.by_hand or (kept.version and not kept.running)), kept.by_hand, kept.document.beside)


async def start(services: Services, visit: Visit, page: str) -> Response:
    """Have mail run through the rules, with a script of one's own behind them; back to a page of the settings."""
    kept = await services.filters.rules.read(visit.account_id)
    await services.filters.rules.start(visit.account_id, visit.origin, beside=kept.by_hand)
    return redirect(visit, f"{visit.base}/reglages/{page}", **done("regles-en-service"))
