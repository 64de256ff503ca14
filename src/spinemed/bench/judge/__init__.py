"""The judge of reports: rubric, prompt, a call a section, verdicts with bounds, checks of the judge."""
