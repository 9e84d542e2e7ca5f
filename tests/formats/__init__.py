"""What earlier versions of melgen have left, read by this one."""
