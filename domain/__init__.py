"""What the shop is. Imports nothing but the standard library."""
