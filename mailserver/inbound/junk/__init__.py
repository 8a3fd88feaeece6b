"""Junk mail: what a message's words say of it, what people teach, what a scanner says.

`tokens`, `bayes` and `words` are pure: from octets to tokens, from tokens and counts to a score. `verdicts` decides for
each account that is to get a message; `learning` is the background work that learns from what people move into Spam
and out of it (`mailserver.store.mail.lessons`).
"""
