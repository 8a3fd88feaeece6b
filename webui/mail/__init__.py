"""Folders and the messages in them.

* `simple_list` (simplified) and `message_list` (complete) show a folder; `views` is what the latter's address asks for,
  `allowed_actions` what rights allow in it, one's own or of others.
* `actions` does what is chosen (`chosen_messages`), `after_action` says what is shown then, `undo` takes moves back;
  `snooze_times` say when things come back, `bulk_download` makes one file of messages; `labels` are the tags,
  `tags_page` their page. `shortcuts`: the page of the keys.
* `event_stream`: news of the folders for open pages, `notifications` for browsers that are elsewhere.
* `search`: what is typed, what is found, with the words marked.
* `folders` are made, moved and emptied, `shares` opens them to others, `folder_transfer` brings them in and out.
"""
