"""How long minixai takes, and how much memory, beside PyTorch, captum and ONNX Runtime: `python -m benchmarks`."""
