"""Writing a letter.

* `writing`: what the buttons of the form do; `form_page` its page; `new_message`: how one starts; `uploads`: what the
  form's script asks for; `attach_from`: files of other messages.
* `message`: the values and the form, the message they become and are read from, what it quotes, its signature, its
  files, when it may leave.
* `addressing`: to whom, suggested while one types; in whose name; what a colleague would ask first.
* `sending`: the one departure (`mailserver.outbound.submission.waiting.scheduled`); `scheduled`: the letters that wait.
* `signatures_page`: signatures and models; `models`: a model is put into a letter.
"""
