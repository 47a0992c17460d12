"""What an order needs beside its create call: payment, instructions, lines, status, write-back. One file a kind."""
