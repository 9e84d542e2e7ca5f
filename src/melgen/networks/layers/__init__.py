"""What a recurrent layer is, and the base classes of the cells."""
