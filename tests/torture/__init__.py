"""Long harnesses that look for ways to break melgen, each a command of its own."""
