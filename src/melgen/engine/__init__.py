"""The network of a page as data, and the JavaScript that runs it there."""
