"""One file a source: read(folder) -> Iterator[Study | Reject]."""
