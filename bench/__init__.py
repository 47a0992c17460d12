"""What the bridge costs: beside the least that the same work can cost, with every order counted."""
