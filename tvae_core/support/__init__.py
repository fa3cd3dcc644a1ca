"""What everything stands on and nothing of the model: the machine, and the files that users bring."""
