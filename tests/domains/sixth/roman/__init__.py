"""A sixth domain, whole and small: whole numbers as Roman numerals. See CONTRIBUTING.md."""
