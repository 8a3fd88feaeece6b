"""Messages to very many people, after they were handed in: decided about, sent in batches, stopped, taken back.

* `decisions` what people decide about one; `sending` the work itself, in the background; `notices` the mail about it.

A mailing is a row (`mailserver.store.queue.mailings`). Once it may leave it is expanded to batches of recipients; each
unit delivers to some of them and settles them, so that whoever goes on after a crash delivers to the others.
"""
