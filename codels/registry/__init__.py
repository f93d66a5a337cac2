"""Which models there are, what they need, and where their files lie."""
