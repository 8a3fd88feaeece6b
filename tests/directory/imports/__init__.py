"""Imports: CSV and AAF into either directory, hostile files, runs that break off, and what they cost."""
