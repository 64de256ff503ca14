"""Consultations with a scripted patient: cases, patient, talk, score, and doctors that are scripts."""
