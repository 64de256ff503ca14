"""Study -> level-anchored Findings, measured on masks."""
