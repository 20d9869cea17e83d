"""When the steps of a sequence are due; it knows nothing of activities or of Dataverse."""
