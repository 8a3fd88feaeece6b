"""The housekeeper: what the calendar does to accounts, in the background, one worker of an instance at a time.

Planned suspensions begin and end, planned closings close, grace runs out and accounts are erased (`states`). People are
told before: of their new account, of a closing, of a password to renew (`notices`). Closed accounts answer their mail
for a while (`auto_replies`). Messages that were put off come back, and what comes of muted conversations is archived
(`mail`). Owners are told where filters of theirs send mail on to, and a forward that is refused for long ends
(`forwards`); they are told of logins that may have been somebody else's (`logins`), administrators of a certificate
that was not renewed (`certificates`). Archives of lists stay within their size (`archive_sizes`), and whoever wrote to
one is told when more people may read it (`archive_openings`). Old rows that mean nothing any more are swept away.
`rounds` says how often.

Rules:
- Questions about whose time has come are asked without locks, once a second, by indexes of their own; a lease in the
  store keeps the other workers from doing the same. Neither is what correctness rests on.
- Every act asks again inside its unit, with the account's row locked. A notice is queued, or placed in mailboxes,
  in the same unit as the counter that says it went out: a `kill -9` at any moment neither doubles nor loses it.
- Everything is done in small units with bounds on each round, so that a suspension never waits behind 20,000
  closings, and 330,000 creation notices leave at a pace that other mail does not feel.
- Time is the clock's. What was missed while the service was down is done once when it is up again.

`mailserver.background.audit_sealing` keeps the audit's length; `mailserver.background.blob_gc` removes the octets that
an erasure sets free.
"""

from mailserver.background.housekeeping.rounds import Housekeeper

__all__ = ["Housekeeper"]
