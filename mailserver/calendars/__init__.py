"""Events, tasks and contacts as iCalendar and vCard objects: what every door that touches them shares.

* `icalendar/`: texts. `cleaning` makes one that is safe to parse, within bounds (of its rules: `recurrence_bounds`);
  `reading` an item of the store of it. The CalDAV door, the web pages and the demo academy store through it, so that an
  item has one form, one ETag and one span of time whoever wrote it. `recurrence` and `zones`: rules and time zones.
* `occurrences`: when events happen, as a clock shows them; `events`, `rules`: one event and its recurrence as a form
  shows them; `event_series`: the components of one event, and `editing`: changes of one occurrence, the following ones
  or all; `single_dates`: dates that a series adds or leaves out; `tasks`: what is to be done, and by when; `transfer`,
  `feeds`: whole files.
* `school/`: classes that events are about, holidays of a zone with weeks A and B, quiet hours.
* `invited/`: what mail asks of an agenda, and the answer; the same about one occurrence of a series.
* `own/`: somebody's agendas as a whole: reminders, the events that an invitation meets, the next one with
  somebody, where a new task goes; `overview`: the agendas somebody reaches.

Nothing here knows a protocol, a page or SQL.
"""
