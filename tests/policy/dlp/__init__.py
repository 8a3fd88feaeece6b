"""What a letter gives away: numbers, passwords, documents."""
