"""How long minixai takes, and how much memory, beside PyTorch and captum: `python -m benchmarks`."""
