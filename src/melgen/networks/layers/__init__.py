"""What a recurrent layer is (`recurrent`), and the base classes of the cells; `melgen.networks` has a map of them."""
