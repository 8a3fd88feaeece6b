"""iCalendar objects as octets and components: read within bounds, cleaned, their recurrences and time zones."""
