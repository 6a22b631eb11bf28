"""What every report is made of: sections, figures, tables, and the page that holds them."""
