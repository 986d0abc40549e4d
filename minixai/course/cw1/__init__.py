"""Coursework 1: the walk back along a tape of arrays, VJPs, a gradient check, training."""
