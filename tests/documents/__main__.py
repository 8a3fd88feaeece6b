"""Writes what is made from the code into the documents: `python -m tests.documents`."""

from tests.documents.made import made, replaced

if __name__ == "__main__":
    for path, mark, block in made():
        before = path.read_text()
        after = replaced(before, mark, block)
        if after != before:
            path.write_text(after)
            print(path)
