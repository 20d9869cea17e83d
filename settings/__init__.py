"""Environment and files turned into frozen, typed values."""

from settings.model import Settings
from settings.sources import load_settings

__all__ = ["Settings", "load_settings"]
