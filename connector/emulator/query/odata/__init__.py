"""OData query options, parsed and planned into SQL."""
