"""What the apps of texts (lines of Python, headlines, digits) are made of; each domain a `Spec`."""
