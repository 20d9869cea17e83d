"""The tables that Microsoft ships, as far as a sales organisation meets them."""
