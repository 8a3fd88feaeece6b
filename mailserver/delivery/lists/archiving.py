"""What a list keeps of the messages it sends on, and what its copies say of where that is read."""

import hashlib
from dataclasses import replace

from mailserver.delivery import list_copy
from mailserver.delivery.envelope import Envelope
from mailserver.delivery.list_copy import Head
from mailserver.foundation.settings import Settings
from mailserver.model.identity import Archive
from mailserver.store.mail.posts.archived_posts import Archived

PATH = "/archives"
"""Of the pages, in whichever interface somebody reads."""
NAME_OCTETS = 12


class Archiving:
    """One per worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def wanted(self, head: Head, envelope: Envelope, octets: bytes, *, leaves: bool) -> Archived | None:
        """What the list keeps of a message; None: nothing. `leaves`: members outside get it.

        Nothing of what its author wants kept nowhere, nor of what goes to everybody's Spam because its author's domain
        or the blocklists say so.
        """
        if head.archive is Archive.NONE or envelope.is_put_aside or list_copy.wants_no_archive(octets):
            return None
        account_id = envelope.sender.account_id if envelope.sender is not None else 0
        name = name_of(head, envelope, octets)
        return Archived(head.address, name, account_id, head.archive, leaves)

    def announced(self, head: Head, archived: Archived | None) -> Head:
        """The list as its copies speak of it: where its archive is, and the message in it. Of one for owners alone
        nothing is said."""
        if head.archive not in (Archive.MEMBERS, Archive.ACADEMY):
            return head
        page = f"{self._settings.public_url}{PATH}/{head.address}"
        return replace(head, archive_page=page, archived_at=f"{page}/{archived.name}" if archived is not None else "")


def name_of(head: Head, envelope: Envelope, octets: bytes) -> str:
    """The same whenever the message is tried again, another for each list: nothing is kept twice."""
    what = envelope.name.encode() or hashlib.blake2b(octets, digest_size=32).digest()
    return name_in(head.address, what)


def name_in(address: str, what: bytes) -> str:
    """The name of a message in a list. `what`: its own."""
    return hashlib.blake2b(address.encode() + b"\0" + what, digest_size=NAME_OCTETS).hexdigest()
