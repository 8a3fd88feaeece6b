"""AAF, the ministry's directory of the academy (annuaire académique fédérateur): its XML files as neutral records.

    files       folder, files or archives -> which file is what, in the order of reading
    requests    octets -> add, modify and delete requests: pure, streaming, hardened against hostile XML
    functions   which function makes which role: the table
    schools     EtabEducNat -> schools, classes, groups; structure numbers -> UAI codes
    people      PersEducNat, Eleve -> people; what a modification does not say stays as it is
    export      all of it, as `directory.imports.sources.records.Export`

How it is read. Schools come first, because people name them by number; a delta that brings no schools is read
with the numbers that earlier exports left in the table of schools. Subjects and MEF give labels. One record
is in memory at a time, and the schools' numbers.

A person is `source` aaf and `source_key` ENTPersonJointure. A complete export of staff and pupils is full: whoever
is missing has left. Anything else only says what it says. A file that breaks off ends the import before
anything is written, because who stands behind the break would be taken for a leaver; a record of the wrong
shape is refused with its line, and its person is not a leaver either.

Not imported: parents (counted), postal addresses, telephones, grants, private mail. The exports have no NUMEN; an
academy that adds it as ENTPersonNumen has it kept as the keyed hash. ENTEleveDateEntree and ENTEleveDateSortie are
read where they are: a pupil whose last day is past has left.
"""

from directory.imports.sources.aaf.export import AafExport, open_export
from directory.imports.sources.aaf.files import parts, recognises

__all__ = ["AafExport", "open_export", "parts", "recognises"]
