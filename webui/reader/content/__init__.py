"""What strangers wrote, made safe to show: text, HTML, pictures from elsewhere, office files."""
