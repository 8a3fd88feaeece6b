"""What a metric stands at in this process."""

from mailserver.foundation.metrics.board import HERE
from mailserver.foundation.metrics.families import Family


def value(family: Family, *labels: str) -> float:
    """Of one combination of labels; of a histogram, how often it was observed."""
    board = HERE.board
    for sample in family.samples(board):
        if sample.labels == labels:
            return sum(sample.numbers[:-1]) if len(sample.numbers) > 1 else sample.numbers[0]
    return 0.0
