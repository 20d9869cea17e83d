"""What FetchXML and OData are both turned into; it knows neither."""
