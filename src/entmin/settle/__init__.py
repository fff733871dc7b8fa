"""`entmin settle`: a method against rivals of the same entropy, planned before it is graded."""
