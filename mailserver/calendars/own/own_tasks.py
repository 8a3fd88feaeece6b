"""Somebody's own task lists: where a new task goes. Called by name from every page that makes one."""

from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agenda_items import NewItem
from mailserver.store.engine.statements import Tx

COMPONENT = "VTODO"
LIST = "taches"


def put(tx: Tx, account_id: int, item: NewItem) -> int:
    """Store a new task in the first list that takes tasks, which is made if there is none; the list's id.

    Raises Refused(CONFLICT | LIMIT …).
    """
    agendas.provision(tx, account_id)
    own = [collection for collection in agendas.listing(tx, account_id) if collection.tag == agendas.CALENDAR]
    takes = next((collection for collection in own if COMPONENT in collection.components), None)
    if takes is None:
        names = {collection.name for collection in own}
        name = next(name for number in range(len(own) + 1) if (name := f"{LIST}{number or ''}") not in names)
        props = {agendas.DISPLAY_NAME: "Tâches", agendas.COMPONENTS: COMPONENT, agendas.COLOUR: "#3d8b5fff"}
        takes = agendas.create(tx, account_id, name, agendas.CALENDAR, props)
    agenda_items.put(tx, account_id, takes.id, item, None)
    return takes.id
