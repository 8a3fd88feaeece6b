"""The embedded directory's LDAP server: a door over the same tables that every other door asks.

An academy without an LDAP server of its own still has address books, copiers and applications that
speak LDAP; this door answers them (RFC 4511 to 4519). The administrator writes, too (`writing`): an update
is a unit of the store, by the rules and with the audit of the `mailserver` command.

    connection   octets in and out, TLS, queue, time-outs      knows asyncio
    session      who the client is, each operation's answer    knows the services
    binding, administrator, password_modify   who it is        know `mailserver.login`
    updating, writing   add, modify, rename, delete            know the services
    search       scopes, and which entries to look at          knows entries
    answer       limits, pages, output of one answer           knows entries
    reading      rows of the store as entries of the tree, narrowed, matched, selected   knows the store
    controls, faults, wire   requests and answers as octets    pure

How a search runs. The filter is read with bounds on depth and items, compiled once for matching, and
translated once into a condition the database answers from its indexes (`store.people.search.candidates`; parts of names
from the index of words). Kinds of entries that lack an attribute the filter insists on are passed over. The condition
may let too much through, never too little; matching alone decides. People come in pages by account id, and no
transaction is open between two pages. A cookie of paged results (RFC 2696) names the last entry sent: the server keeps
nothing.

What makes it fast. A person stays a tuple (`person_attributes.Facts`) from the row to the octets: no entry is put
together. Each attribute says which facts it is made of, so a selection is compiled once (`rendering`) and what people
have in common, role or school, is written once and remembered under those facts; it cannot become stale, for it
follows from them alone. Selections are kept for the next search: a dump by pages asks the same one over and over. A
condition that names its people (`uid=`, `mail=`) is read without waking a thread while the disk need not be asked
(`Store.read_inline`). Everything else is read by threads, and looked at on the loop for a millisecond at a time.
`python -m tests.directory.server.bench_ldap` measures it beside OpenLDAP.

Rules:
* Sizes, nesting and counts are checked before anything is decoded; BER is read in one linear pass.
* A password is taken only over TLS or from a loopback peer. Octets behind StartTLS are thrown away.
* Strangers see the root and the schema. People see whom `mailserver.model.visibility` lets them see; the others do
  not exist for them. `cn=admin,BASE` sees everything that is in the tree; secrets are not in it.
* What a viewer may not read does not take part in a filter or a comparison either.
* An account that is suspended, or gets a new password, loses the connections it had bound.
* Only `cn=admin` writes; people change their password (RFC 3062), their telephone and their language.

What the codec is. anyldap's decoder was measured and not taken: a filter of 300 KB of empty items costs it
0.6 s on the event loop (it copies the rest of the message for every element), unknown tags are printed
to the standard output, and constructed and primitive tags look the same to it.
"""

from directory.server.door import start

__all__ = ["start"]
