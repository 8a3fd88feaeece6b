"""SEARCH, SORT, THREAD and their kin: the keys, the program as a value, what is found."""
