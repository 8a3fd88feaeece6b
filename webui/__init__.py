"""The web interface: a portal, two interfaces over one set of handlers, and nothing a browser must run.

* Every page is rendered here; every action is a link or a form, in both interfaces. Pages under `/s/` and the console
  have no script; those of the complete interface are upgraded by modules that press the same buttons: a pane beside
  the list, keys, dragging, tokens for recipients, an editor, drafts kept while one types. The README has their rules.
* `GET` changes nothing but what looking leaves behind: \\Seen, the last searches and the receipt, both as the person's
  settings say. `POST` answers 303, a page with the fault named (422), or a confirmation page; to a script, JSON.
* A handler is `async def name(services, visit) -> Response`. `page.dispatch` makes it an endpoint: it finds the
  session, parses the form within bounds, checks origin and token, and turns errors into pages. The one table
  from `Reason` to status is in `page.faults`.
* `/s/…` (simplified) and `/m/…` (complete) are the same handlers; templates differ, and the list of a folder
  (`mail.simple_list`, `mail.message_list`). Agenda and contacts have addresses in both. A message is named by its
  content id, looked up in the logged-in account and nowhere else; a folder is a hint and may be stale.
* Hostile mail meets three barriers: `reader.content.html_view` cleans it, the answer forbids scripts and
  remote loads by its own policy, and the frame that shows it is sandboxed. Attachments never run in our origin.
* A draft is a message in the Drafts folder. Saving replaces it in one unit; a save over a draft that has moved on
  is refused (409) and offers both. A letter leaves Drafts for `mailserver.outbound.submission.waiting.scheduled` in one
  unit and is sent once. What is posted after a session ended is sealed and waits for its author.
* Remote pictures, and unsubscribing in one click, go through `safe_fetch` (`mailserver.foundation.network`)
  and never before the reader asked for them.
* Session tokens exist only in the browser; the store has their HMAC. Cookies of the TLS door are `__Host-`.
* French is the source language, English complete; the language comes from the person's setting, a cookie or the
  browser, in that order.

Map: `app` the sockets, what the application is made of and its addresses, `http` bounds and forms, `page` requests and
what every page is made with; then a package for each area: `account`, `mail`, `reader`, `compose`, `lists`, `agenda`,
`contacts`, `secretariat`, `admin`, `public`, `installed`. The README lists them.
"""
