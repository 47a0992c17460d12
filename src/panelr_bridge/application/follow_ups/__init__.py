"""What follows a created work order: payment, instructions, status polls, write-back. One module a kind."""
