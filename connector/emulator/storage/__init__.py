"""The SQLite database behind the emulator; it knows no protocol."""
