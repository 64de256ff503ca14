"""The four stages of a build, what they hand on, and where their tasks run."""
