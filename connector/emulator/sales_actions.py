"""Actions of selling: qualify, win, lose, sequences, queues."""

from connector.emulator.actions import Handler

SALES_OPERATIONS: dict[str, tuple[str, Handler]] = {}
