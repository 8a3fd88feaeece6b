"""The agenda: the collections that `/dav/` serves, as pages.

* `routes`: addresses. The complete interface is under `/agenda`, the simplified one under `/s/agenda`; the handlers are
  the same, the templates differ.
* `collections_shown`: a person's collections as the pages name, mark and colour them; `class_colours`: school classes
  and theirs.
* `grid` lays events out in days, `views` shows weeks, days, months and lists of them, `mini_month` the month beside,
  `words` says when.
* `event` shows one event, on its page or in a panel beside the grid, and is how the others read and write it; `form`
  makes and changes one, `form_values` is what it holds; `event_actions` moves, copies, deletes and puts back;
  `answering` answers invitations; `event_items` stores what changed under the ETag that was seen.
* `tasks_page` has the tasks, `task_lines` shows them there and on their days; `reminders_feed` tells browsers what
  rings.
* `manage` makes, renames and deletes agendas; `transfer` brings .ics files in and out.

What an iCalendar object says and how it changes is `mailserver.calendars`; an item is written under the ETag that was
seen, exactly as a CalDAV client does it, so both see each other's changes at once and neither overwrites the other.
"""
