"""A letter as a value: its form, its text with signature and quotation, its files, its stored draft."""
