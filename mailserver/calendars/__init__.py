"""Events, tasks and contacts as iCalendar and vCard objects: what every door that touches them shares.

* `budget`, `cleaning`: what a hostile text may cost, and a text that is safe to parse.
* `reading`: a text as an item of the store. The CalDAV door, the web pages and the demo academy store through it,
  so that an item has one form, one ETag and one span of time whoever wrote it.
* `occurrences`: when events happen, as a clock shows them; `events`, `rules`, `zones`: one event, its recurrence and
  its zone as a form shows them; `editing`: changes of one occurrence, the following ones or all;
  `tasks`: what is to be done, and by when; `reminders`: when events ring; `school_classes`: whom they are about;
  `invitations`: what mail asks of an agenda, and the answer; `invited_occurrences`: the same about one occurrence of a
  series; `transfer`: whole files.
* `school_holidays`: the holidays of a school zone, and weeks A and B.
* `overview`, `own_events`, `own_tasks`: units of the store: the agendas somebody reaches, the events that an invitation
  meets, where a new task goes.

Nothing here knows a protocol, a page or SQL.
"""
