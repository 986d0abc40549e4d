"""The site, and the pictures that it and README.md show."""
