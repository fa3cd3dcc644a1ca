"""The Streamlit apps, one script a domain: `streamlit run apps/molecules.py`."""
