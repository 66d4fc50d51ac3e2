"""The page: ES modules, styles and HTML; May import nothing."""
