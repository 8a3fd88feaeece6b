"""Where somebody may go: each person's own tree only; what others share with them, and what they subscribe to, stands
in it (RFC 3744)."""

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final

from radicale import pathutils, xmlutils
from radicale.rights import BaseRights

from agenda.documents import HREF
from agenda.request_context import VISIT
from mailserver.store.agenda import agenda_reach
from mailserver.store.agenda.agenda_grants import SEPARATOR
from mailserver.store.engine.transactions import Store

if TYPE_CHECKING:
    from radicale import config

OWN: Final = "rw"
READER: Final = "r"
WRITER: Final = "rwdol"
"""Items are written; the collection is neither deleted (d), overwritten (o) nor described (l)."""

_RESPONSE = xmlutils.make_clark("D:response")
_SET = xmlutils.make_clark("D:current-user-privilege-set")
_PRIVILEGE = xmlutils.make_clark("D:privilege")
_ALL, _WRITE, _DESCRIBE, _BIND, _UNBIND = (
    xmlutils.make_clark(f"D:{name}") for name in ("all", "write", "write-properties", "bind", "unbind")
)


class OwnTree(BaseRights):
    """The root to read, one's own home to make collections in, one's own collections and what is shared with one."""

    def __init__(self, configuration: "config.Configuration", store: Store) -> None:
        super().__init__(configuration)
        self._store = store

    def authorization(self, user: str, user_groups: set[str], path: str) -> str:
        parts = pathutils.strip_path(path).split("/")
        if not user:
            return ""
        if parts == [""]:
            return "R"
        if parts[0] != user:
            return ""
        if len(parts) == 2 and SEPARATOR in parts[1]:
            return self._shared(parts[1])
        return {1: "RW", 2: OWN}.get(len(parts), "")

    def _shared(self, name: str) -> str:
        """What may be done with a collection whose name no client makes; with one that is not there as with one's
        own: looking for it finds nothing."""
        visit = VISIT.get()
        if name not in visit.rights:
            reach = self._store.read_now(agenda_reach.find, visit.principal.account_id, name)
            if reach is None or (reach.writable and not reach.owner):
                visit.rights[name] = OWN
            else:
                visit.rights[name] = WRITER if reach.writable else READER
        return visit.rights[name]


def tell_truly(multistatus: ET.Element) -> None:
    """Radicale gives whoever writes every privilege but those it takes back one by one (RFC 3744 section 3).

    Everything without `write-properties` is a writer's in a collection of somebody else: members may be added and
    removed, nothing more.
    """
    for response in multistatus.iter(_RESPONSE):
        for held in response.iter(_SET):
            by_name = {child.tag: privilege for privilege in held for child in privilege}
            if _ALL not in by_name:
                continue
            if _DESCRIBE not in by_name:
                held.remove(by_name[_ALL])
                held.remove(by_name[_WRITE])
            if response.findtext(HREF, "").endswith("/"):
                for name in (_BIND, _UNBIND):
                    ET.SubElement(ET.SubElement(held, _PRIVILEGE), name)
