"""What exports say: CSV and AAF read into neutral records."""
