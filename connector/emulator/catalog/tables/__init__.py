"""The standard tables the emulator serves, as data; `standard_catalog` ties them together."""
