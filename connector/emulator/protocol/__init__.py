"""OData and HTTP shapes of the Web API: errors, messages, batches, negotiation.

It knows no table.
"""
