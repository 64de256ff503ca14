"""A published release: manifest, lookup, tombstones; verify, trace, count, withdraw, compare."""
