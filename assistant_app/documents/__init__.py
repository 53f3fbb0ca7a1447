"""A file becomes pages, pages become passages. Files nobody trusts are read in killable processes."""
