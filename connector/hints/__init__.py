"""Somebody says that there is something to do: webhooks, Service Bus.

A hint is never believed, only followed by a read.
"""
