"""The published tables of both benchmarks called SpineBench, checked."""
