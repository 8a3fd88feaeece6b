"""From a letter that a search found to the ones before and behind it, in the order of the results.

The letter's address names the search (`vue=recherche?…`), which is made again: what opening it changed, such as that it
is read now, may have taken it out of the results, and its place is known all the same.
"""

from urllib.parse import parse_qs

from mailserver.model.errors import Refused
from mailserver.store.web.webmail import Edge
from webui.http.forms import positive
from webui.mail.labels import keywords
from webui.mail.search.query import MAX_QUERY, parse
from webui.mail.search.search_page import edge, find, in_order, surroundings_of, where
from webui.mail.views import SEARCH
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import query_string

SECONDS = 0.5
"""A letter does not wait longer for its neighbours: they are those of what was found by then."""


async def neighbours(services: Services, visit: Visit, view: str, box_id: int, here: Edge) -> tuple[str, str]:
    """The addresses of the results above and below a message of a mailbox, empty at the ends of the page.

    `view`: the search as `views.of_search` writes it.
    """
    said = {name: values[0] for name, values in parse_qs(view.removeprefix(SEARCH)).items()}
    typed = said.get("q", "")[:MAX_QUERY].strip()
    query = parse(typed, keywords(visit), visit.language.zone)
    if query.is_empty:
        return "", ""
    viewer = await services.sharing.viewer(visit.principal)
    size, before, below = visit.preferences.page_size, edge(said.get("avant", "")), positive(said.get("sous", ""))
    try:
        found = await find(services, viewer, query, where(said.get("d", "")), size, before, below, SECONDS)
    except Refused:  # the folder that was searched is gone, or is not shared any more
        return "", ""
    around = surroundings_of(visit, found, typed)
    order = {folder.id: place for place, folder in enumerate(around.all_folders)}
    foreign = {folder.id for folder in around.shared}

    def key(box: int, date: int, uid: int) -> tuple[int, int, int]:
        return order.get(box, len(order)), -date, -uid

    def address(box: int, message: int) -> str:
        opening = f"{visit.base}/partage/{box}/" if box in foreign else f"{visit.base}/message/"
        return f"{opening}{message}?{query_string(d=box, vue=view)}"

    results = [
        (key(group.box.id, line.date, line.uid), address(group.box.id, line.id))
        for group in in_order(around, found)
        for line in group.lines
    ]
    place = key(box_id, here.date, here.uid)
    above = [one for at, one in results if at < place]
    behind = [one for at, one in results if at > place]
    return above[-1] if above else "", behind[0] if behind else ""
