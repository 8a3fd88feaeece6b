"""Who somebody is, and how they come in: the portal, first connection, passwords, and the pages under `/compte`.

* `login`: the portal, a first connection, a forgotten password or identifier, a session renewed in place.
* `session`: what leads into a session, and text that waits for its author.
* `security`: the password and how it is chosen, second factor, app passwords, open sessions, the recovery address.
* `settings`: preferences by section, what other programs are told, everything as one file.
"""
