"""HTTP and OData as such: transport, retries, literals, payloads, errors; it knows no table."""
