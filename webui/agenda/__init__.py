"""The agenda: the collections that `/dav/` serves, as pages.

* `routes`: addresses. The complete interface is under `/agenda`, the simplified one under `/s/agenda`; the handlers are
  the same, the templates differ.
* `collections_shown`: a person's collections as the pages name, mark and colour them.
* `grid` lays events out in days, `views` shows weeks, days, months and lists of them, `mini_month` the month beside,
  `words` says when.
* `events` shows one event, on its page or in a panel beside the grid, makes, changes, moves, deletes it and puts it
  back, and answers invitations; `form_values` is what its form holds; `event_items` stores what changed under the ETag
  that was seen.
* `tasks` has the tasks, shown there and on their days; `reminders_feed` tells browsers what rings.
* `calendars` makes, renames and deletes agendas, subscribes to others, brings .ics files in and out, and gives school
  classes their colours.

What an iCalendar object says and how it changes is `mailserver.calendars`; an item is written under the ETag that was
seen, exactly as a CalDAV client does it, so both see each other's changes at once and neither overwrites the other.
"""
