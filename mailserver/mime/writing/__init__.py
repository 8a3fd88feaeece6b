"""Messages that are written: new ones, delivery status and disposition notifications, fields that are added."""
