"""The condition language: one typed tree whose operators are FetchXML's, by name and by meaning."""
