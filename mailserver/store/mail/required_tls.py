"""Messages that arrived to go nowhere but over TLS (REQUIRETLS, RFC 8689): whoever passes one on later is bound by it.

The row is written by the unit that delivers; nothing in the octets of a message makes it one.
"""

from collections.abc import Sequence

from sqlalchemy import select

from mailserver.store.engine.statements import ManyStatement, Tx
from mailserver.store.schema.mail.messages import tls_content

_AMONG = ManyStatement(select(tls_content.c.content_id), tls_content.c.content_id)


def mark(tx: Tx, content_id: int) -> None:
    """A message with this content is delivered."""
    tx.insert_ignore(tls_content, {"content_id": content_id})


def any_of(tx: Tx, content_ids: Sequence[int]) -> bool:
    """Whether one of these is to go over TLS alone."""
    return bool(_AMONG.rows(tx, content_ids)) if content_ids else False
