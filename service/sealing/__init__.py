"""The one leader of the log: it gives entries their places, grows the tree and signs its size."""
