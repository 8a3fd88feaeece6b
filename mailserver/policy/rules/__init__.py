"""What a running worker asks before mail goes: the rules between populations, refused copies, sending limits."""
