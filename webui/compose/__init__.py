"""Writing a letter.

* `writing`: what the buttons of the form do; `letterpage` its page. `letters`: the values and the form, `drafts` the
  message they become and are read from. `beginnings`: how one starts, with what it quotes (`quoting`); `sources`: the
  messages it answers or passes on, one's own or in a mailbox of others, looked up anew each time.
* `recipients` to whom, `suggesting` while one types; `identities` in whose name; `signing` and `writinghabits`:
  signatures and models. `enclosing` and `borrowing`: attachments; `uploading`: what the form's script asks for.
* `checking`: what a colleague would ask first; `sending`: the one departure (`mailserver.submission.scheduled`);
  `departures`: the letters that wait.
"""
