"""Address books as people use them: cards, groups, what is alike, tables in and out, and who to suggest.

The cards are the items of the same collections that CardDAV serves (`store.agenda.agendas`,
`store.agenda.agenda_items`): what a phone changes is here at once, and the other way round. Rules:

* A card is changed line by line. What this package does not know of stays as the client wrote it.
* A change names the ETag its page showed; who was overtaken hears `Refused(CONFLICT)` and nothing is written.
* Everything is scoped by account, and of the directory nobody learns more than `mailserver.model.visibility` lets them.

Modules: `books` (what is in them, and every change), `browsing` (the directory), `suggestions`; pure: `contentlines`,
`card`, `rewriting`, `alike`, `tables`, `importing`, `pictures`.
"""
