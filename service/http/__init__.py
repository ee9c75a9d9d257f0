"""The aiohttp side: requests read, problems answered, routes."""
