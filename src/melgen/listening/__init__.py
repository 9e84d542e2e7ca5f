"""A blind listening test of a study's songs: the page, the answers, and the model of preferences fitted to them."""
