"""From where and with what somebody logs in, at every door; what their owner has to be told of it."""

import structlog

from mailserver.model.account import programs
from mailserver.model.account.login_places import Kind, Place, Sign, in_use, networks, signs
from mailserver.store.account import login_places
from mailserver.store.account.login_places import Unusual
from mailserver.store.engine.statements import Tx

log = structlog.get_logger("login")


def entered(tx: Tx, account_id: int, peer: str, service: str, agent: str) -> None:
    """Somebody logs in, which is not on record yet. `peer` is empty for this machine's own: nothing follows of it."""
    network, block = networks(peer) if peer else ("", "")
    if not network:
        return
    program = programs.kind(service, agent)
    past = login_places.known(tx, account_id)
    if not past:
        past = login_places.former(tx, account_id)
        login_places.keep(tx, account_id, past)
    wanted = ((Kind.NETWORK, network), (Kind.BLOCK, block), (Kind.PROGRAM, program))
    by_name = {(one.kind, one.name): one for one in in_use(past, tx.now)}
    login_places.touch(tx, account_id, [by_name[one] for one in wanted if one in by_name])
    new = [Place(kind, name, tx.now, tx.now) for kind, name in wanted if (kind, name) not in by_name]
    if not new:
        return
    found = signs(past, network, block, program, tx.now)
    others = [one.name for one in past if one.kind is Kind.BLOCK and one.name != block]
    if Sign.NETWORK in found and login_places.is_shared(tx, account_id, block, others):
        found &= Sign.PROGRAM
    if len(past) + len(new) > login_places.MAX_PLACES:
        login_places.make_room(tx, account_id)
    login_places.keep(tx, account_id, new)
    if found and login_places.unusual(tx, Unusual(account_id, tx.now, peer, program, found)):
        log.info("unusual login", account=account_id, peer=peer, program=program, signs=int(found))
