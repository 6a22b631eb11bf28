"""Who teaches: trained or loaded, kept, asked."""
