"""The IMAP door: Twisted carries the octets, everything else is plain functions over values.

The life of a command: `protocol` gives octets to `reader`, where `wire.framing` cuts them; `conversation` takes one
command at a time, which `wire.syntax` makes a frozen value. `commands.run` looks it up in the dispatch table, checks
the session's state and walks its function, which yields octets and at last a `Reply`; news of the mailbox go out before
the tagged line. What is written goes through `writer`.

Rules that hold here:

* One command at a time per connection; input waits (and is bounded) until its tagged line is written.
* No lock and no transaction is held while something is written: a peer that does not read stops only itself.
* Commit, then answer: `OK [APPENDUID` means the message is on disk.
* `snapshot` is a mailbox at one moment, packed and immutable; `snapshot_cache` holds the current one per mailbox and
  worker, shared by its sessions, brought up to date by asking the store "what moved since?", never by polling.
* `view` is what one client has been told. It moves from snapshot to snapshot, and what differs is the news.
  EXPUNGE waits until RFC 3501 section 7.4.1 permits it; until then a lost message is a ghost that keeps its
  number (RFC 2180).
* FLAGS, UID, MODSEQ and SEARCH over them are answered from the snapshot without SQL or a thread. ENVELOPE and
  BODYSTRUCTURE were rendered at delivery; a body section is a slice of the stored octets. Nothing is parsed in
  the read path.
* Long answers go out in batches, and the loop turns between two of them.
* Errors: BadSyntax is BAD, Refused is NO with the code of its reason, Temporary is NO [UNAVAILABLE]; anything
  else is our defect: logged with its stack, answered with a constant text.
* A capability is announced when all of it is built (`capabilities.CAPABILITIES`).

What it does not do: parse MIME, know SQL, keep state another worker would need.
"""
