/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Marks a test with the numbers of the requirements that it shows. The check in tests/conformance/
 * reads the marks from the source; the compiler sees nothing.
 */
#ifndef TESTS_CONFORMS_H
#define TESTS_CONFORMS_H

#define CONFORMS(...) \
	do {          \
	} while (0)

#endif
