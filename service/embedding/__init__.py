"""From texts to vectors of 384 numbers: by their meaning, and by the characters they share."""
