"""How the instance is: what wants attention, figures of a day, charts, health."""
