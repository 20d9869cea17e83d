"""The test suite: unit, wire, contract, cycle, property and acceptance tests."""
