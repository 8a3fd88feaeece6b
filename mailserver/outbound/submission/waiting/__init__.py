"""Messages that wait before they leave, and what decides about them: their time, their author, IT."""
