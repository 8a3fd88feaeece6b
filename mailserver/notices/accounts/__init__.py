"""What people are told of their accounts: logins, passwords, sharing, and their end."""
