"""Why an import refused, remarked, left or failed, in the reader's language; and the same as a table to take away."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.store.account import jobs
from mailserver.texts import causes
from mailserver.texts.causes import Cause
from webui.admin import spreadsheet
from webui.admin.console_page import stamp
from webui.admin.words import rights_words
from webui.page.context import Services, Visit


@dataclass(frozen=True, slots=True)
class Why:
    """A reason in words."""

    text: str
    ours: bool = True
    """False: another server's answer, or a result from before reasons were values: in no language that we know of."""
    line: int = 0
    file: str = ""
    who: str = ""


def why(visit: Visit, kept: Mapping[str, Any] | str) -> Why:
    """One as the result of a job keeps it (`directory.imports.jobs`)."""
    if isinstance(kept, str):
        return Why(kept, ours=False)
    line, file, who = int(kept.get("line") or 0), str(kept.get("file", "")), str(kept.get("login", ""))
    try:
        cause = causes.read(kept)
    except (KeyError, AttributeError, TypeError):
        return Why(str(kept.get("reason", "")), ours=False, line=line, file=file, who=who)
    return Why(visit.language.say(cause), cause.name != "plain", line, file, who)


def whys(visit: Visit, kept: Iterable[Mapping[str, Any]]) -> tuple[Why, ...]:
    """Several."""
    return tuple(why(visit, one) for one in kept)


def told(visit: Visit, cause: Cause) -> str:
    """What a row says, in the reader's language; what others said, as they said it."""
    if cause.name == "plain":
        return str(cause)
    speaks = _SPOKEN.get(cause.name)
    if speaks is not None:
        with contextlib.suppress(*causes.UNREADABLE):  # a damaged row is said as it stands
            return speaks(visit, cause)
    return visit.language.say(cause, lambda seconds: stamp(visit, seconds))


def _quota(visit: Visit, cause: Cause) -> str:
    """How much an account may hold."""
    octets = int(cause.values["octets"])
    if octets < 0:
        return visit._("celui du réglage")
    return visit.language.size(octets) if octets else visit._("sans limite")


_SPOKEN: Mapping[str, Callable[[Visit, Cause], str]] = {
    "quota": _quota,
    "box-holder": rights_words.box_holder,
    "box-holders": rights_words.box_holders,
    "mailbox-rights": rights_words.mailbox_rights,
}
"""What the console says otherwise than the command line."""


async def download(services: Services, visit: Visit) -> Response:
    """GET /admin/travaux/{job}/raisons.csv: every refused line and remark that the result has. Raises
    Refused(NOT_FOUND)."""
    found = await services.store.read(jobs.get, int(visit.request.path_params["job"]))
    if found is None:
        raise Refused(Reason.NOT_FOUND)
    result = await services.store.read(jobs.result, found.id)
    name = visit._("lignes-refusees") + f"-{found.id}.csv"
    return spreadsheet.download(visit, name, _rows(visit, result))


def _rows(visit: Visit, result: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    _ = visit._
    yield _("Ligne"), _("Fichier"), _("Nature"), _("Raison")
    for nature, kept in ((_("refusée"), "refused"), (_("remarque"), "remarks")):
        for one in whys(visit, result.get(kept, ())):
            yield str(one.line or ""), one.file, nature, one.text
