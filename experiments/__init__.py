"""The paper's experiments on signal and distractor, on networks that fit a small machine."""
