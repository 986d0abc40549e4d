"""Coursework 2: convolution, pooling and unpooling as compiled loops over (n, c, h, w)."""
