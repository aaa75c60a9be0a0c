"""Who may do what: providers, address mappings, kernel profiles and fault rules."""
