"""The commands and tests of the language, by extension; and the extensions themselves."""
