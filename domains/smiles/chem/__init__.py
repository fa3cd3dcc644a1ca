"""Molecules: text and structure, scores, alerts, likeness, drawings and files."""
