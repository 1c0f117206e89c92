"""Request (states, four eyes), gate (door 1), courier, receiving side."""
