"""The whole engine over files: no network, no store, the same decisions as a cycle."""
