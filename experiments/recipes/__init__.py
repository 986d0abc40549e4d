"""How the networks that come with minixai were trained and their patterns fitted."""
