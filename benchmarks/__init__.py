"""Times and memory of minixai beside PyTorch, captum and ONNX Runtime: `python -m benchmarks`."""
