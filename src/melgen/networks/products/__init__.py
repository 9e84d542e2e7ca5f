"""Matrix products: the libraries that compute them."""
