"""The ASGI side: routing, callers, the test API, TLS; it knows requests, not what they mean."""
