"""Turns OData query options, resource paths and FetchXML into SQL; serves no HTTP."""
