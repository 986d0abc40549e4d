"""Coursework 7: concepts as patterns and filters, the level of a test, and erasing with a guarantee."""
