"""Why an account is suspended or closed: an operator's words, or a sentence of ours by its code."""

import json

from mailserver.texts import causes, legacy_details
from mailserver.texts.causes import NOTHING, Cause

_CODED = '{"code":'


def kept_reason(reason: str) -> str:
    """A reason as the row of an account keeps it."""
    if isinstance(reason, Cause) and reason.name != NOTHING.name:
        return json.dumps(reason.facts, ensure_ascii=False, separators=(",", ":"))
    return str(reason)


def read_reason(kept: str) -> Cause:
    """What the row of an account says."""
    if not kept:
        return NOTHING
    if kept.startswith(_CODED):
        try:
            return causes.read(json.loads(kept))
        except (KeyError, ValueError, TypeError, AttributeError):
            return causes.plain(kept)
    return legacy_details.read(kept)
