"""Pages that any domain's app has; each is a script that Streamlit runs from top to bottom."""
