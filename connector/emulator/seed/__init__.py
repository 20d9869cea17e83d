"""The example organization, and the loading of others."""
