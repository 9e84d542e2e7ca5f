"""Files of earlier versions of melgen, read by this version."""
