"""Every text that a person reads, on a page, in a mail, in a reply of a protocol or on the command line.

French is the source: a text stands in the code in French, and its English in the one catalogue,
`locale/en/LC_MESSAGES/messages.po`. A test fails when an English is missing, or is of a text that is gone.

* `languages`: the two language codes.
* `catalogue`: the catalogue itself, and `translate`.
* `text`: `Text`, which is shown later, in its reader's language; `both` is one line in both, for whom none is known.
* `command_line`: the language of the locale, for commands.
* `causes` and `sentences`: sentences with a code that is kept, in rows, results of jobs and what `import --json`
  writes; `names` fill lists in them. `legacy_details` finds them in rows of before.

Pages translate by `_()` and `{% trans %}`, in the language of their reader (`webui.page.language`).
"""
