"""Find orders whose webhook never arrived: list what changed in the store, and store what is missing."""
