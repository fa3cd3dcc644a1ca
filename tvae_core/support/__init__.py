"""What everything stands on, and nothing of the model: the machine, files that users bring."""
