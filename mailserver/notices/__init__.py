"""What the service writes to people: notices by mail, and the sentence said at a door that stays shut.

Pure functions from values to texts and octets, but for `push/`, which tells closed browsers. Every text stands in
French first, then in English, so that it needs no guess at the reader's language. A notice names the service, what
happens and when, and whom to call; it never carries a secret, never asks for a password, and links to nothing but the
service's own front page, as what people are told about phishing promises.

Notices say `Auto-Submitted: auto-generated`, answers `auto-replied` (RFC 3834 section 5), and both travel with the
null reverse path or the postmaster's, so that nothing answers them in a loop.

`house` says what all of them say of the service; `sentences` what doors say; `welcome`, `closing` and `away` are
the creation notice, the notices before a closing, and what a closed account answers; `passwords` is what people are
told of theirs, `protection` of second factors and app passwords; `moderation` is what owners of lists and authors are
told, `outbox` why a letter that waited did not leave. Mail is not sent from here.
"""
