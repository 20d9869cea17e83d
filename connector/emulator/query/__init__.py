"""Reads OData query options, resource paths and FetchXML and turns them into SQL;
serves no HTTP.
"""
