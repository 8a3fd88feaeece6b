"""The academy's directory: people, schools and lists, and the two ways to ask for them.

`mailserver.model.identity.Directory` is the port through which every door asks who somebody is. Two adapters
implement it, and one test suite holds both to the same answers:

    people   the embedded directory: the store's own tables, so that a worker never dials itself
    ldap     any LDAP server by URL, over pooled connections in threads of its own, read through a cache

`server` is the embedded directory's LDAP door; it reads the same tables as `people`. `tree` says which
entry and attribute holds what, for the door and for the client alike; `schema` and `names` are the
attribute types and the distinguished names below it, and deploy/mailserver.schema is the same schema for
a real LDAP server.

`identifiers` says how logins and addresses follow from names, `issuing` claims them (`bulk_issuing` for many people at
once), `enrolment` makes and changes people with them, `hashing` keeps their passwords, `rosters` the lists, `receivers`
who is in them, `standing` those that are there without being made; `imports` reads what HR exports; `lifecycle` is what
consoles do to an account, over either directory; `secretariat`, `letters`, `handover` and `membership` are what a
school's secretariat and people see and do. The README has the map.

Which facts live where. Names, addresses, identifier, school, function and password are the directory's.
Account state, claims on identifiers and addresses, keyed hashes of NUMEN, INE and birth date, quotas and
audit are the store's, keyed by our own account id, whoever the directory belongs to.

An identifier or address is never issued twice. A directory that belongs to somebody else is read only:
nothing is issued there and no password is set, but states still apply.
"""
