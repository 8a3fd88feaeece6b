"""The administration console, `/admin`: what the command line does, for people who do not sit at the server.

* Only administrators, from the networks of [web] admin_networks, with a second factor, and who have proven both
  factors within the last quarter of an hour of use (`gate`). To everybody else none of these addresses exists.
* Every act goes through the service that the command of the same name calls, in the name of the person who does it;
  the record (`store.record.audit`) has it in the unit of the act. Nothing here knows SQL, nor shows what is in a
  message.
* No page runs a script: the policy of the console allows none. What is dangerous names how many it touches and asks to
  type that number. What takes long is a job in the store, carried out by a process of its own (`jobs`).

Map: `routes` the addresses; `gate` who enters; `surroundings` what is around each page; `overview` the first page;
`people`, `person` and `acts` accounts; `places` schools; `rosters` lists and functional boxes; `loading` imports and
`jobs` their progress; `outgoing`, `tracing`, `ruling` the flow of messages; `communicating` announcements and
maintenance; `logbook` the record; `health` and `charts` the instance itself.
"""
