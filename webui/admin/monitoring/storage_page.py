"""How much mail the accounts hold: by population, by school, who comes near the quota; and the same as a table to take
away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.identity import Role
from mailserver.store.mail.messages.quotas import Quota
from mailserver.store.upkeep import usage
from mailserver.store.upkeep.usage import NEAR_PERCENT, Holder, Usage
from webui.admin import spreadsheet
from webui.admin.console_page import Top, top
from webui.page.context import Services, Visit
from webui.page.paging import numbered
from webui.page.words.role_labels import role_words

PATH = "/admin/stockage"
TABLE = f"{PATH}/tableau.csv"
PER_PAGE = 100
LARGEST = 20
"""Accounts that are named."""


@dataclass(frozen=True, slots=True)
class Line:
    """What some accounts hold."""

    name: str
    link: str
    accounts: str
    messages: str
    size: str
    share: str
    """Of what they may hold."""
    near: str
    full: str


@dataclass(frozen=True, slots=True)
class HolderLine:
    """What one account holds."""

    login: str
    link: str
    uai: str
    role: str
    messages: str
    size: str
    share: str


@dataclass(frozen=True, slots=True)
class StoragePage:
    """What is held, by population and by school, and by whom most."""

    top: Top
    near: int
    populations: tuple[Line, ...]
    total: Line
    schools: tuple[Line, ...]
    page: int
    pages: int
    largest: tuple[HolderLine, ...]
    table: str


async def show_storage(services: Services, visit: Visit) -> Response:
    """GET /admin/stockage."""
    default = Quota.of(services.settings.limits)
    slowly = services.store.read_slow
    kept = await slowly(visit.account_id, usage.by_school_and_role, default)
    holders = await slowly(visit.account_id, usage.largest, default, LARGEST)
    part = numbered(visit, [one for one in usage.by_school(kept) if one.uai], PER_PAGE)
    page = StoragePage(
        top(visit, "stockage"),
        NEAR_PERCENT,
        tuple(_line(visit, one, _role(visit, one.role)) for one in usage.by_role(kept)),
        _line(visit, usage.total(kept), visit._("Total")),
        tuple(_line(visit, one, one.school or one.uai, f"/admin/etablissements/{one.uai}") for one in part.shown),
        part.number,
        part.pages,
        tuple(_holder(visit, one) for one in holders if one.octets),
        TABLE,
    )
    return services.pages.answer(visit, "admin/monitoring/storage.html", page)


async def download(services: Services, visit: Visit) -> Response:
    """GET /admin/stockage/tableau.csv: a line for each population of each school."""
    default = Quota.of(services.settings.limits)
    kept = await services.store.read_slow(visit.account_id, usage.by_school_and_role, default)
    return spreadsheet.download(visit, visit._("stockage") + ".csv", _rows(visit, kept))


def _rows(visit: Visit, kept: Sequence[Usage]) -> Iterator[Sequence[str]]:
    _ = visit._
    yield (
        *(_("UAI"), _("Établissement"), _("Population"), _("Comptes"), _("Messages"), _("Octets")),
        *(_("Quota (octets)"), _("Sans limite"), _("Près du quota"), _("Pleins")),
    )
    for one in kept:
        numbers = (one.accounts, one.messages, one.octets, one.quota, one.unlimited, one.near, one.full)
        yield one.uai, one.school, _role(visit, one.role), *map(str, numbers)


def _line(visit: Visit, one: Usage, name: str, link: str = "") -> Line:
    language = visit.language
    share = "" if one.unlimited else _share(visit, _percent(one.octets, one.quota))
    near, full = (language.number(count) if count else "" for count in (one.near, one.full))
    accounts, messages = language.number(one.accounts), language.number(one.messages)
    return Line(name, link, accounts, messages, language.size(one.octets), share, near, full)


def _holder(visit: Visit, one: Holder) -> HolderLine:
    language = visit.language
    shares = (_percent(one.octets, one.quota), _percent(one.messages, one.message_quota))
    share = _share(visit, max(shares, key=lambda one: one or 0))
    role = _role(visit, one.role) if one.role else ""
    link = f"/admin/comptes/{one.account_id}"
    return HolderLine(one.login, link, one.uai, role, language.number(one.messages), language.size(one.octets), share)


def _percent(held: int, limit: int) -> int | None:
    """Of a limit; None without one."""
    return held * 100 // limit if limit else None


def _share(visit: Visit, percent: int | None) -> str:
    return "" if percent is None else visit._("%(n)s %%") % {"n": visit.language.number(percent)}


def _role(visit: Visit, role: str) -> str:
    """The words of a population; boxes of functions, and who is not known here, have none."""
    return role_words(visit, Role(role)) if role in set(Role) else visit._("Boîtes fonctionnelles et autres")
