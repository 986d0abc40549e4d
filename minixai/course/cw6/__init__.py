"""Coursework 6: PatternNet, PatternAttribution, and what a report measures."""
