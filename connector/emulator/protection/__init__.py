"""Service protection limits and injected faults: the ways in which a request is refused."""
