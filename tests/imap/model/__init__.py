"""Two dozen IMAP sessions on the same mailboxes of a running instance, each checked against a mirror of its own.

`reading` understands what a server says, `mirror` is what one client may believe, `ledger` what all of them were
promised; these three know no sockets and nothing of the server's code. `client` and `session` speak; `changing`,
`looking` and `visiting` are what a client does, `actions` how often; `truth` is what a fresh look finds, `drive` runs
rounds of actions with a barrier after each.

    python -m tests.imap.model --seconds 180 --seed 7
"""
