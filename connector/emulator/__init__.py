"""A Dataverse Web API to run against; it shares no code with the client."""
