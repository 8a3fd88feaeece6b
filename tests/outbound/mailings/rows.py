"""A mailing as it is kept, without anybody to send it."""

from mailserver.model.identity import Principal
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.queue import mailings
from mailserver.store.queue.mailings import State, Wanted
from mailserver.store.queue.mailings.mailing_counts import Reach
from mailserver.store.queue.spool import Options, Target

REACH = Reach((("teacher", 900), ("pupil", 220)), (("Lycée Carnot", 912),), (3, 200), 8, ("Emma Dupont",))


def keep(store: Store, author: Principal, octets: bytes, state: State = State.WAITING, name: str = "ABCD") -> int:
    """To 1,120 people here and four elsewhere; its number."""
    wanted = Wanted(
        account_id=author.account_id,
        population=author.role.population,
        subject="Rentrée",
        size=len(octets),
        reverse_path=author.address,
        targets=(Target(author.address),),
        options=Options(name, author.account_id),
        came=Provenance(Door.SUBMISSION, author.account_id),
        people=1120,
        outside=4,
        reach=REACH.text(),
        state=state,
        expires=int(store.clock.now()) + 7 * 86400,
    )

    def unit(tx: Tx) -> int:
        content_id, _ = messages.store_content(tx, blobs.prepare(octets, store.blobs))
        return mailings.begin(tx, content_id, wanted)

    return store.write_now(unit)
