"""Extensions with commands of their own: as values, their grammar, and their answers."""
