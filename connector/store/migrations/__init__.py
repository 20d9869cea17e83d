"""The store's history, one revision a module; the present is in `connector.store.tables`."""
