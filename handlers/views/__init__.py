"""Domain objects to text and keyboard: pure functions."""
