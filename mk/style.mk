# SPDX-License-Identifier: MIT
# Formatting and source rules.

C_FILES = $(shell git ls-files -co --exclude-standard '*.c' '*.h')

.PHONY: format check-format check-docs
## format: apply .clang-format to every C file
format:
	@clang-format -i $(C_FILES)

## check-format: formatting, licence lines, file and function lengths, guest memory only through its accessors
check-format:
	@tools/check-source

## check-docs: links, paths, commands, keys, options and names in the documents agree with the tree
check-docs:
	@tools/check-docs
