"""The ground: every row and every octet the service keeps. Nobody else speaks SQL.

A caller passes a plain function: `await store.read(messages.fetch, …)` runs it in a reader thread on one
snapshot; `await store.write(messages.append, …)` runs it as one *unit* and returns after the commit has
reached the disk. A unit may be run again when its group fails as a whole, so it has no effect outside
the store.

* SQLite: one writer thread a process. It queues on a file lock with the writers of other processes,
  takes every unit that waits, runs all in one transaction, commits once (fsync), then answers all of
  them. One failure spoils no other: the group begins anew, with savepoints.
* Deliveries wait a moment for those that are on their way (`Store.coming`); plain ones are written by
  a few statements together.
* PostgreSQL: several writer threads, each commits one unit at a time; rows are locked in id order.
* News: what a unit touched (`tx.changed`) is published after the commit, here and in other workers.
* UIDs and mod-sequences are minted in `messages` only, from the mailbox row that the unit has locked.
* Message octets are written (and, as files, synced) before the row that names them is committed; files
  have names of their own, so collecting one never races with storing the same content again.
* A database that is out of reach, busy or full is `Temporary` for whoever asked; connections that broke are
  replaced, and threads outlive every failure.
* `schema` has the tables. `engine` is the database: what differs between the two (`engines`), the writer (`writing`;
  `committing`: groups of units), the store itself (`transactions`), `news` between workers. `octets`: the files of
  large messages. Then a package for each domain.
"""
