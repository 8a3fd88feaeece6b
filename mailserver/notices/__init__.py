"""What the service writes to people: notices by mail, and the sentence said at a door that stays shut.

Pure functions from values to texts and octets, but for `push/`, which tells closed browsers. A notice is in the
language that its reader chose, and in French and English to whoever's is not known. It names the service, what happens
and when, and whom to call; it never carries a secret, never asks for a password, and links to nothing but the service's
own front page, as what people are told about phishing promises.

Notices say `Auto-Submitted: auto-generated`, answers `auto-replied` (RFC 3834 section 5), and both travel with the
null reverse path or the postmaster's, so that nothing answers them in a loop.

`house` says what all of them say of the service; `sentences` what doors say. `accounts/` is what people are told of
their account, from the creation notice (`welcome`) to what a closed one answers (`away`); `mail/` of their mail: lists,
filters, mailings, what waits. Mail is not sent from here.
"""
