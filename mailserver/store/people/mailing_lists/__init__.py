"""Lists: the academy's, with members here and outside, people's own, and archives that were opened."""
