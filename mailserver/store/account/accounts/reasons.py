"""Why an account is suspended or closed: an operator's words, or a sentence of ours by its code."""

import json

from mailserver.texts import causes, legacy_details
from mailserver.texts.causes import NOTHING, UNREADABLE, Cause

_CODED = '{"code":'
_OURS = frozenset(("left-export", "import-taken-back"))
"""What imports gave as a reason before rows kept codes. All else is an operator's word, whatever it looks like."""


def kept_reason(reason: str) -> str:
    """A reason as the row of an account keeps it: whole."""
    if isinstance(reason, Cause) and reason.name != NOTHING.name:
        return _dumped(reason)
    text = str(reason)
    return _dumped(causes.whole(text)) if text.startswith(_CODED) else text


def read_reason(kept: str) -> Cause:
    """What the row of an account says."""
    if not kept:
        return NOTHING
    if kept.startswith(_CODED):
        try:
            facts = json.loads(kept)
            return causes.whole(facts["values"]["text"]) if facts["code"] == NOTHING.name else causes.read(facts)
        except UNREADABLE:
            return causes.whole(kept)
    legacy = legacy_details.read(kept)
    return legacy if legacy.name in _OURS else causes.whole(kept)


def _dumped(cause: Cause) -> str:
    return json.dumps(cause.facts, ensure_ascii=False, separators=(",", ":"))
