# SPDX-License-Identifier: MIT
# What each unit test links besides tests/unit/test_NAME.c, alphabetically:
#   test_NAME_SRC := core/a.c core/b.c
# Optional: test_NAME_CFLAGS, test_NAME_LIBS, test_NAME_SAN := thread (instead of address,undefined).
