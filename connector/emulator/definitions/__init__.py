"""EntityDefinitions and `$metadata`, served from the catalog."""
