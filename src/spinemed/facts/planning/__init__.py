"""Published decision rules as pure functions, each with its source."""
