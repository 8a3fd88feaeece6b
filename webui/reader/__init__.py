"""Reading one message: what is shown around its text, and what can be done with it.

* `message_parts` is what a message is made of: its text or its cleaned HTML, as `content` makes them safe to show.
* `page` is the reader itself, as a whole page and as a fragment for the pane. Its notes are `trust` (where the message
  comes from, what a careful reader would notice; `assessment` asks all of it) and `requests` (invitations, receipts,
  leaving a list).
* `addressees` says in a line whom a message is to; what is open counts as read when its reader has chosen (`page`).
* Whatever a message says is data. Addresses it names are followed only through
  `mailserver.foundation.network.safe_fetch`, by `content.images` and `requests.unsubscribe`, and never before the
  reader has asked.
* `attachments` shows one in a response that can run nothing; what is not on its short list is saved. `previews` is the
  page around one.
* `place` is where the message lies: the same pages show one's own mail and that in a mailbox of others, whose address
  names the mailbox, too (`/partage/BOX/MESSAGE`). What is about one's own mail (receipts, invitations, redirection,
  unsubscribing, reports) is not there.
* `conversations` are what stands around the message, `source` its octets, `printing` the same on paper, `redirect`
  passing on and reports of phishing; `routes` the addresses, `flash_texts` what the page says was done.
* What is sent for the reader (receipts, answers to invitations, redirections, reports of phishing, requests to be taken
  off a list) goes through `mailserver.outbound.submission.submit` like any letter, and once.
"""
