"""What everything else stands on and what knows nothing of models: files that users bring."""
