"""Agendas, tasks and contacts: CalDAV (RFC 4791), CardDAV (RFC 6352) and their sync (RFC 6578) under `/dav/`.

Radicale speaks the protocol; what it stands on is ours. A request walks so:

* `application` (on the event loop): bounds, TLS rule, `access.Gate` (who is it? one `login` like every
  door), the address of the person's own tree, the body; then the request waits for its turn.
* one of the worker's two heavy threads: `dav.Dav`, Radicale's WSGI application with our error table. Texts
  pass `mailserver.calendars.icalendar.cleaning`, XML passes `documents.parse`, before any library sees them.
* `storage` and `collection` answer Radicale from `mailserver.store.agenda.agenda_reach`; `rights.OwnTree` says that a
  person reaches the tree under their own identifier and nothing else. What others share stands there, as `owner~name`.

Rules:

* One request of a person runs at a time in a process, so no person holds both threads; waiting holds none.
* Radicale looks (ETag, UID), then writes. No store transaction is open in between: the write is one short unit
  that compares what was seen. If it moved, the whole request runs again and Radicale judges anew.
* `201` and `204` are said after the commit; news goes out as every change of the account does.
* A sync token is the collection's id and modseq. A token the history does not reach is refused with
  `valid-sync-token`, never answered by guessing.
* Work is bounded: octets, items, XML depth, recurrence rules (judged when stored, so that no later query meets
  a rule that never ends), and the CPU time of a request.
* Radicale's own log is off: it quotes requests. One line a request is logged here, without content.

Not here: scheduling (RFC 6638), the sharing itself (whom with is chosen in `webui`), LOCK. `calendar/` itself must
never become a package: it would hide the standard library's module.
"""
