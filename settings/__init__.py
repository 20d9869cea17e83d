"""Environment and files turned into frozen, typed values; what they are for is unknown here."""
