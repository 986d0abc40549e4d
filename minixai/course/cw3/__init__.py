"""Coursework 3: DeConvNet and guided backprop as rules."""
