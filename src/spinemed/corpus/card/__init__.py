"""What is written beside the data: card, picture strip, Croissant and DataCite, licences."""
