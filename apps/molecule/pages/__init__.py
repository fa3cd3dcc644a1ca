"""The pages of `apps/molecules.py`; each is a script that Streamlit runs from top to bottom."""
