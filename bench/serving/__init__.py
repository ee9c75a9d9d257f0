"""How fast rows go out as JSON, and back in: Plant beside what one would take instead."""
