"""The data of SpineBench: drawn, selected, frozen, checked against a corpus, and read from others."""
