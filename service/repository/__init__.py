"""One struct per statement file, and the runner that sends them."""
