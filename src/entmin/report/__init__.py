"""What people read: the comparison with its tables and figures, the training figure, and the report page (page/)."""
