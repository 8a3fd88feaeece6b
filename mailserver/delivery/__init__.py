"""Every recipient here: who gets a message, whether its sender may write to them, and its one durable delivery.

`resolve` answers at RCPT time, from the directory through a short cache; it also decides about quota, rules between
populations and lists' policies, so that whatever was accepted at RCPT is delivered: no half-failed transaction needs a
report. `deliver` stores the content once and one appearance per account, as one unit.

A list is a transaction of its own within that unit: its members get the list's copy (`mailserver.delivery.list_copy`),
reports about its remote members go to its owners. What a moderated list holds back is stored once, too.

Modules: `envelope` (the values), `recipients` (who gets it), `deliver` (the class), `placement` (in which mailboxes it
goes), `units` (what one transaction of the store does), `message_files` (octets on their way there). Folders: `lists`,
`checks` (what comes in is looked through), `filtering` (what recipients' filters make of it), `held` (what waits for
somebody's decision).
"""

from mailserver.delivery.checks.impersonation import mark_subject
from mailserver.delivery.deliver import Delivery
from mailserver.delivery.envelope import UNPROVEN, Delivered, Envelope, Part, Recipient, led_to_lists
from mailserver.delivery.placement import Placement
from mailserver.delivery.recipients import is_role, key_of
from mailserver.delivery.units import deliver_parts

__all__ = [
    "UNPROVEN",
    "Delivered",
    "Delivery",
    "Envelope",
    "Part",
    "Placement",
    "Recipient",
    "deliver_parts",
    "is_role",
    "key_of",
    "led_to_lists",
    "mark_subject",
]
