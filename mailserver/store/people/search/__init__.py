"""Who a condition holds of: words of names, conditions on entries and selections of living lists, as SQL."""
