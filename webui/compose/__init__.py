"""Writing a letter.

* `writing`: what the buttons of the form do; `form_page` its page. `message_form`: the values and the form, `drafts`
  the message they become and are read from. `new_message`: how one starts, with what it quotes (`quotation`);
  `sources`: the messages it answers or passes on, one's own or in a mailbox of others, looked up anew each time.
* `recipients` to whom, `suggestions` while one types; `identities` in whose name; `signatures` and `signatures_page`:
  signatures and models. `attached_files` and `attach_from`: attachments; `uploads`: what the form's script asks for.
* `send_checks`: what a colleague would ask first; `sending`: the one departure (`mailserver.submission.scheduled`);
  `send_times`: when it may be; `scheduled`: the letters that wait.
"""
