"""The schema of the tree: attribute types, object classes, matching rules, distinguished names."""
