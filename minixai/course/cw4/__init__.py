"""Coursework 4: LRP rules with their leaks, for batches and any linear layer, and a walk."""
