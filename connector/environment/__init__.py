"""What is read from the Dataverse environment beside rows to assign.

It knows ports, no adapter and no settings.
"""
