"""What takes too long for a lesson: a module for each, which writes what it found into a file beside it."""
