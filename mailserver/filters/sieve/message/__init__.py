"""The message as a script sees it: fields, addresses, body, parts."""
