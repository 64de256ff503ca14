"""The few exceptions a caller may catch.

    SpinemedError
    ├── SourceError        a study folder or file cannot be used
    │   └── GeometryError  an image and its mask do not lie on the same grid
    ├── OutputError        a result cannot be written, or something unfinished is in its place
    ├── LeakError          two splits, or a corpus and a benchmark, have something in common
    ├── ConfigError        a configuration names something unknown or impossible
    └── ModelError         a model, adapter or its weights cannot be loaded

Every message names what was seen, where, and the way out. The command line prints the message alone and
exits with 1; wrong usage exits with 2.
"""


class SpinemedError(Exception):
    """Parent of every error that spinemed raises on purpose."""


class SourceError(SpinemedError):
    """A study folder or file is missing, unreadable or incomplete."""


class GeometryError(SourceError):
    """An image and its mask do not lie on the same grid."""


class OutputError(SpinemedError):
    """A result cannot be written, or something unfinished is in its place."""


class LeakError(SpinemedError):
    """Two splits of a corpus, or a corpus and a benchmark, have something in common; none may be allowed."""


class ConfigError(SpinemedError):
    """A configuration names something unknown or impossible."""


class ModelError(SpinemedError):
    """A model, adapter or its weights cannot be loaded."""
