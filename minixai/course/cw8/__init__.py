"""Coursework 8: a problem with a right answer on which a popular method fails, and the repair."""
