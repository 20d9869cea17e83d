"""FetchXML, and what is read like it, planned into SQL."""
