"""What rows keep as English text, from before they kept codes: details of the audit, attempts to deliver, reasons.

A sealed row stays as it was written, so its sentence is found again for whoever reads it in another language. This
module may go, with the columns `detail` and `error`, once no such row is left anywhere: `[audit] retention_days` after
the last instance was upgraded, when accounts that were closed before are erased, too.
"""

import re
import string
from collections.abc import Iterator
from functools import cache
from typing import Any

from mailserver.texts.causes import NOTHING, Cause, plain
from mailserver.texts.names import NAMES

MAX_TEXT = 2000
"""Characters: a longer text is a stranger's."""

_TEMPLATES = {
    "held-by-operator": "held: by an operator",
    "held-by-brake": "held: sending is suspended for the sender's population",
    "mail-loop": "Mail for {domain} would come back to us",
    "no-exchanger-address": "No address for the mail exchangers of {domain}",
    "no-domain": "The domain {domain} does not exist",
    "no-mail-server": "The domain {domain} has no mail server",
    "no-mail": "The domain {domain} accepts no mail",
    "lookup-failed": "Looking up {domain}: {error}",
    "connection-lost": "Connection lost",
    "no-smtputf8": "The server does not take internationalised addresses (SMTPUTF8)",
    "no-8bitmime": "The server does not take 8-bit messages (8BITMIME)",
    "too-large-there": "The message is larger than the server takes ({limit} octets)",
    "import-begins": "import {run} of {source} begins: {files}",
    "import-done": "import {run} is done: {counts}",
    "import-undone": "import {run}: {counts}",
    "import-closed": "import {run}: closed",
    "import-taken-back": "import {run} taken back",
    "named-again": "named by the export again",
    "left-export": "no longer in the export {source}",
    "planned-left": "{end} no longer in the export {source}",
    "planned": "{end} {reason}",
    "list-made": "{address}: made",
    "list-deleted": "{address}: deleted",
    "list-renamed": "{address}: is {name} now",
    "list-members": "{address}: {added} members added, {gone} removed",
    "list-message": "{address}: message {number} {verdict}",
    "list-ending": "{address} ends soon",
    "list-fields": "{address}: {fields}",
    "bulletin-posted": "{number} posted: {kind}, {start} to {end}: {text}",
    "bulletin-revised": "{number} revised: {kind}, {start} to {end}: {text}",
    "bulletin-withdrawn": "{number} withdrawn",
    "quota-messages": "{count} messages",
    "rule": "{sender} -> {recipient}: {verdict}",
    "rule-preset": "preset {name}",
    "rule-braked": "{sender} until {end}: {reason}",
    "queue-all": "{verb} {count}: all",
    "queue-rows": "{verb} {count}: {rows}",
    "suspended-span": "from {start} until {end} {reason}",
    "suspended-from": "from {start} {reason}",
    "suspended-until": "until {end} {reason}",
    "too-many-questions": "too many questions",
    "too-many-codes": "too many codes",
    "no-private-address": "no private address",
    "code-sent": "code sent",
    "identifier-sent": "identifier sent",
}
_OF_ACTION = {
    ("login", "code"): "one-time-code",
    ("login-failed", "code"): "one-time-code",
    ("login", "recovery code"): "recovery-code",
    ("login-refused", "app-password"): "app-password-needed",
}
"""What doors said of a login."""
_DEVICE = re.compile(r"(?P<id>\d+) (?P<name>.+)", re.DOTALL)
_WITH_DEVICE = frozenset(("login", "app-password-made", "app-password-revoked"))
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_NUMBERED = r"(?P<uids>\d[\d:,]*)"
_MESSAGES = (("act-messages", re.compile(_NUMBERED)),)
_ACTS = {
    **dict.fromkeys(("append", "copy in", "replace", "expunge"), _MESSAGES),
    "move out": (("act-moved", re.compile(rf"to (?P<target>.+) {_NUMBERED}", re.DOTALL)),),
    "flags": (*_MESSAGES, ("act-flags", re.compile(rf"(?P<flags>.*\S) {_NUMBERED}", re.DOTALL))),
    "create": (("act-created", re.compile(r"mailbox (?P<number>\d+)")),),
    "delete": (("act-deleted", re.compile(r"(?P<count>\d+) messages")),),
    "rename": (("act-renamed", re.compile(r"to (?P<name>.+)", re.DOTALL)),),
    "annotate": (("act-annotated", re.compile(r"(?P<entries>.+)", re.DOTALL)),),
    "send": (("act-sent", re.compile(r"(?P<name>.+)", re.DOTALL)),),
}
"""What a row of the record of mailboxes says, by act; texts were cut at 300 characters."""
_GAPS = {
    **dict.fromkeys(("start", "end"), r"0|\d{9,11}|\d{4}-\d\d-\d\d|released"),
    **dict.fromkeys(("run", "count", "added", "gone", "limit", "number"), r"\d+"),
    **dict.fromkeys(("sender", "recipient", "verdict", "verb", "domain", "error", "address", "kind"), r"\S+"),
}
_LISTS = frozenset(("fields", "counts", "sender", "recipient", "verdict", "verb", "kind"))
"""Gaps that names of ours fill."""


def read(text: str, action: str = "") -> Cause:
    """What a row says, of this act; a text that is none of ours stays as it is."""
    if not text:
        return NOTHING
    if (action, text) in _OF_ACTION:
        return Cause(_OF_ACTION[action, text])
    if action in _WITH_DEVICE and (device := _DEVICE.fullmatch(text)) is not None:
        return Cause("device", **device.groupdict())
    return _sentence(text) or plain(text)


def read_attempt(text: str) -> Cause:
    """What became of an attempt to deliver: a status, and what was said by us or by another server."""
    status, _, said = text.partition(" ")
    return Cause("attempt", status=status, said=read(said)) if _STATUS.fullmatch(status) else read(text)


def read_act(text: str, act: str) -> Cause:
    """What a row says of an act of this kind in a mailbox of somebody else."""
    if not text:
        return NOTHING
    for name, pattern in _ACTS.get(act, ()):
        if (found := pattern.fullmatch(text)) is not None:
            return Cause(name, **found.groupdict())
    return plain(text)


def _sentence(text: str) -> Cause | None:
    if len(text) > MAX_TEXT:
        return None
    words = tuple(text.replace(",", " ").split())
    if all(word in NAMES for word in words):
        return Cause("fields", fields=words)
    for name, pattern in _patterns():
        if (found := pattern.fullmatch(text)) is not None:
            values = found.groupdict()
            lists = {key: tuple(values[key].split(", ")) for key in _LISTS & values.keys()}
            if all(_is_named(one) for key in lists for one in lists[key]):
                return _cause(name, {key: _moment(key, value) for key, value in values.items()} | lists)
    return None


def _cause(name: str, values: dict[str, Any]) -> Cause:
    if name == "planned-left":
        return Cause("planned", end=values["end"], reason=Cause("left-export", source=values["source"]))
    return Cause(name, **values)


def _moment(key: str, value: str) -> str | int:
    return int(value) if key in ("start", "end") and value.isdecimal() else value


def _is_named(word: str) -> bool:
    count, _, rest = word.rpartition(" ")
    return word in NAMES or (rest in NAMES and count.isdecimal())


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Those that say most first, by the length of what is not a gap."""
    ordered = sorted(_TEMPLATES, key=lambda name: -len(re.sub(r"\{\w+\}", "", _TEMPLATES[name])))
    return tuple((name, re.compile("".join(_pieces(_TEMPLATES[name])), re.DOTALL)) for name in ordered)


def _pieces(template: str) -> Iterator[str]:
    for text, gap, _, _ in string.Formatter().parse(template):
        yield re.escape(text)
        if gap:
            yield f"(?P<{gap}>{_GAPS.get(gap, '.+')})"
