"""The administration console, `/admin`: what the command line does, for people who do not sit at the server.

* Only administrators, from the networks of [web] admin_networks, with a second factor, and who have proven both
  factors within the last quarter of an hour of use (`access`). To everybody else none of these addresses exists.
* Every act goes through the service that the command of the same name calls, in the name of the person who does it;
  the record (`store.record.audit`) has it in the unit of the act. Nothing here knows SQL, nor shows what is in a
  message.
* No page runs a script: the policy of the console allows none. What is dangerous names how many it touches and asks to
  type that number. What takes long is a job in the store, carried out by a process of its own (`jobs`); its page comes
  anew by itself, by a header, and that is nobody's activity.

Map: `routes` the addresses; `access` who enters; `console_page` what is around each page; `directory` accounts,
schools, lists and functional boxes, and one search in all of them; `monitoring` the first page, charts, the instance
itself; `imports_page` and `jobs`; `queue_page`, `message_trace`, `rules_page` the flow of messages; `bulletins_page`
announcements and maintenance; `models_page` models of letters; `audit_log` the record; `words` what is on record as
sentences.
"""
