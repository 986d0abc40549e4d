"""Coursework 5: patterns and ρ of many units at once, on the toy and on a convolution."""
