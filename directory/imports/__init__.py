"""What HR exports, and how it becomes people: read, recognise, compare, write in batches, report.

* `rows` reads `people.csv` line by line: a faulty line is a value too, with its number and reason, and
  spoils no other.
* `recognition` says who a line is: by INE, else NUMEN, else login. A line with none of these is the
  n-th person of that name, birth date, role and school who has none either, where n counts such lines
  in the file: two homonyms in one file are two people, and the same file again is the same two.
* `merging` compares a line with what is known and writes the difference: an empty cell changes nothing.
* `intake` drives it: batches of one unit each, hashing beside them, a report at the end.

Importing a file twice changes nothing. A password in the file is taken only when asked for, and only by an
account that was never activated: nobody's own choice is overwritten. A dry run asks the same questions and
writes nothing.
"""
