"""Reading one message: what is shown around its text, and what can be done with it.

* `reading` is what a message is made of: its text (`plaintext`) or its cleaned HTML (`balance`, then `htmlview`).
* `page` is the reader itself, as a whole page and as a fragment for the pane; `notes` collects what its modules have
  to say about a message: `badges` (where it comes from), `cautions` (what a careful reader would notice), `receipts`,
  `invitations` (with `counters`: another time), `unsubscribing`. `lookalikes` are what `cautions` compares names with.
* `addressees` says in a line whom a message is to; what is open counts as read when its reader has chosen (`page`).
* Whatever a message says is data. Addresses it names are followed only through `mailserver.foundation.safe_fetch`, by
  `images` and `unsubscribing`, and never before the reader has asked.
* `attachments` shows one in a response that can run nothing; what is not on its short list is saved.
* `place` is where the message lies: the same pages show one's own mail and that in a mailbox of others, whose address
  names the mailbox, too (`/partage/BOX/MESSAGE`). What is about one's own mail (receipts, invitations, redirection,
  unsubscribing, reports) is not there.
* `conversations` are what stands around the message, `source` its octets, `passing` redirection and reports of
  phishing; `routes` the addresses, `said` what the page says was done.
* What is sent for the reader (receipts, answers to invitations, redirections, reports of phishing, requests to be taken
  off a list) goes through `mailserver.submission.submit` like any letter, and once.
"""
