"""Every password of the service goes through `Login`, whichever door it came in by.

A login is answered from memory when the same peer proved the same login with the same secret less than a
minute ago; what is remembered is a keyed hash under a key of this process, never the secret. The account
is looked at again after every news of the directory and every two seconds, so that a suspension or a
new password is felt at once. Anything else is proven:

1. one attempt at a time for one login in one process, so that a burst buys no extra guesses;
2. who is it, what stands against the account and the peer (`throttle`: counted in the store for all workers);
3. the `Directory` port compares the password, in equal time for the unknown;
4. only then the account's state: who guesses wrong learns nothing about it;
5. one unit writes what follows: audit, counters, last login, and the mailboxes of a first login.

A failure has one text and one duration, whatever its cause. Waiting times grow and end: nobody is locked
out for ever, and a stranger's guesses delay neither the peers an account knows nor a right code of a letter or message.

Two things besides the chosen password. An app password belongs to one device, opens only the doors of its
scopes and never the web; it is found by its HMAC in step 2, and step 3 is skipped: it is random. A second factor
(TOTP, or a printed recovery code) makes the chosen password open the web alone, and there only the first step:
`second_step` completes the login. Who needs one by role and has none is led by the web to setting it up. `stays`
answers doors that ask whether what was opened may stay open.

An account that waits for activation enters nowhere. `password_change` takes NUMEN and birth date (before the first
activation) or the one-time code; the provisional secret is dead then. A forgotten password comes back by a code sent
to the private address (`recovery`, `recovery_address`). An expired one opens the web alone, as far as a new one
(`passwords.renewal`). Whoever chooses meets `passwords.new_password`. What changes the protection of an account is
told to its owner (`security_notices`).

Modules: `service` (the class), `checks` (the policy that all ways share), `attempts` (throttle, one at a time, recent
successes), `password_change`, `passwords` (what a chosen password may be, and what opens an account before one is
chosen), `devices`, `factors`, `scram`, `session_validity`; `recent` (the last logins), `charter`.
"""

from mailserver.login.service import Login

__all__ = ["Login"]
