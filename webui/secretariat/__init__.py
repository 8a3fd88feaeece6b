"""The secretariat's pages: a school's `people` with their letters and codes; its boxes, lists and changes (`desk`)."""
