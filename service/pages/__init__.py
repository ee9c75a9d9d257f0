"""The pages that the service serves about itself: HTML without scripts, complete in one answer."""
