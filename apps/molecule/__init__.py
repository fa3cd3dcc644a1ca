"""What the app of molecules alone has: drawings, alerts, a sketcher, files, the training set."""
