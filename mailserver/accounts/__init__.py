"""What an account begins with, what it takes along, and files that wait for the console."""
