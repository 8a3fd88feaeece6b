"""What a person chooses and takes along: the settings pages, their search, mail programs, the export."""
