"""A client of the Dataverse Web API; it knows the wire and decides nothing."""
