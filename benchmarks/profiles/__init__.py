"""Where the time goes, of what is missed or near its bound."""
