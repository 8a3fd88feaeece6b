"""Mail that people hand in: submission, mailings to very many people, messages taken back."""
