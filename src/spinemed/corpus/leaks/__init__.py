"""Gates against leaks: what two splits, or a corpus and a foreign benchmark, have in common."""
