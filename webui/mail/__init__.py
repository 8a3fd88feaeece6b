"""Folders and the messages in them.

* `listing` (simplified) and `maillist` (complete) show a folder; `views` is what the latter's address asks for.
* `acting` does what is chosen, `moments` say when things come back, `gathering` makes one file of messages; `labels`
  are the tags, `tagging` their page. `shortcuts`: the page of the keys. `flux`: news of the folders, as a stream.
  `offers`: which of these a folder has, one's own or of others, by rights.
* `finding` searches by what `query` understands, `marking` marks the words.
* `folders` are made, moved and emptied, `shares` opens them to others, `folderfiles` brings them in and out.
"""
