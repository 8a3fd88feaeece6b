"""Who really sent a message from outside: SPF, DKIM, ARC, DMARC and the peer's name, with bounds on look-ups and time.

`check.Authenticator` does all of it for one message. What it found is a value for the store
(`mailserver.model.messages.authentication`), a field for the header, and what is to be done.
"""
