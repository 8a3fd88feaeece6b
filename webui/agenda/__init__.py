"""The agenda: the collections that `/dav/` serves, as pages.

* `routes`: addresses. The complete interface is under `/agenda`, the simplified one under `/s/agenda`; the handlers are
  the same, the templates differ.
* `shelves`: a person's collections as the pages name, mark and colour them; `seasons`: school holidays, weeks A and B.
* `grid` lays events out in days, `views` shows weeks, days, months and lists of them, `words` says when.
* `event` shows one event, and is how the others read and write it; `form` makes and changes one, `typed` is what it
  holds; `acting` moves, deletes and puts back; `keeping` stores what changed under the ETag that was seen.
* `manage` makes, renames and deletes agendas; `transfer` brings .ics files in and out.

What an iCalendar object says and how it changes is `mailserver.calendars`; an item is written under the ETag that was
seen, exactly as a CalDAV client does it, so both see each other's changes at once and neither overwrites the other.
"""
