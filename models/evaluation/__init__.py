"""How well something was found: scores of alerts against labels."""
