"""People, schools, lists and boxes: finding them, the sheet of each, what is done to an account."""
