"""The messaging service of an academy.

Doors (`smtp`, `imap`, `webui`, `agenda`, `directory.server`) speak a protocol and know nothing of SQL.
Services (`deliver`, `submit`, `login`, `directory.people.embedded`) know the rules of mail and nothing of sockets.
The ground (`store`) keeps bytes. Imports point down, never up, never sideways between doors;
`setup.cfg` holds the contract and the checks enforce it.

Rules that hold everywhere:

* `250`, `OK [APPENDUID` and `201 Created` are said only after the commit has reached the disk.
* A stored message is the bytes that arrived, with the trace fields on top.
* Every query is scoped by account in `mailserver.store`, not in the door.
* Three errors cross borders: `BadSyntax`, `Refused(reason)`, `Temporary`; each door has one table that
  translates reasons into its own codes.
* State lives in the store, never only in a process: any number of workers may run.
"""

__version__ = "0.7.0"
