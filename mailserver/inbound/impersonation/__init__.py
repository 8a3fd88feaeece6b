"""Who is made to be taken for somebody else: look-alike domains, borrowed names, answers that go elsewhere.

Pure. `sender.judge` decides for every door, from a header and from what was found out about who sent it
(`mailserver.model.messages.authentication`); what is found is a value of `mailserver.model.messages.impersonation`.
`domains` knows which domain could be read as which, `letters` which letters look alike (Unicode's table of
confusables), `names` which names are a service's, and how a colleague's is looked up.
"""
