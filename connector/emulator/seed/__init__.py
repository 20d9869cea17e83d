"""The example organisation, and the loading of others."""
