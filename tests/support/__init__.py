"""What several tests share: builders, golden files, started servers."""
