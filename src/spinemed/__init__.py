"""Level-aware spine vision-language: corpus, training, benchmark and pages."""

__version__ = "0.1.0"
