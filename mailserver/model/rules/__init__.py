"""Who may write to whom: decisions only. Facts in, verdict out; no store, no clock, no directory.

    decisions   the table of populations, the emergency brake        Sender, Rules, check, check_brake
    lists       a list's policy: open, held for its owners, closed   passage
    sentences   a refusal in French and in English                   Denied, Unauthenticated, Braked
    presets     whole tables under a name                            PRESETS
    sharing     what may be shared with whom                         sharing, may_share_widely

Rules:
* Every path that sends asks: SMTP and LMTP at RCPT and again when the message is whole, submission and web at RCPT
  and at `submission.submit`, moderation when an owner approves. All of them ask through `mailserver.delivery`.
* The population of a sender is a proven fact: an authenticated person's role, or `outside`. What a reverse-path
  claims proves nothing, even when it names one of our own people.
* The table binds a message's direct recipients, and every member of every list: those whom the sender may not write to
  are left out, and where nobody is left the list is refused at RCPT. A functional box counts as staff. That an owner
  lets a message pass does not change who sent it, so the table holds at approval too. It binds a list's owners behind
  `LIST-owner@` too; where nobody is left there, the administrators answer. Nobody is kept from writing to themselves,
  or to `postmaster@` and `abuse@`.
* The brake binds everybody of a population, whoever they write to. Only `postmaster@` and `abuse@` stay open.
* Reports (null reverse-path) answer something that was sent: from outside they reach whoever may write outside.
  The service's own mail has no sender here and is asked nothing.
* What no rule forbids is allowed.
"""

from mailserver.model.rules.decisions import Brake, Rules, Sender, check, check_brake
from mailserver.model.rules.lists import Passage, Way, passage
from mailserver.model.rules.presets import PRESETS
from mailserver.model.rules.sentences import Braked, Denied, Unauthenticated
from mailserver.model.rules.sharing import Sharing, may_share_widely, sharing

__all__ = [
    "PRESETS",
    "Brake",
    "Braked",
    "Denied",
    "Passage",
    "Rules",
    "Sender",
    "Sharing",
    "Unauthenticated",
    "Way",
    "check",
    "check_brake",
    "may_share_widely",
    "passage",
    "sharing",
]
