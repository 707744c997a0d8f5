/*
 * Loops of <sys/queue.h>, a system header, in words that cppcheck can read.
 */
#ifndef SLUICE_TESTS_LINT_LOOPS_H
#define SLUICE_TESTS_LINT_LOOPS_H

#define TAILQ_FOREACH(at, head, entry) \
	for ((at) = (head)->tqh_first; (at); (at) = (at)->entry.tqe_next)
#define TAILQ_FOREACH_REVERSE(at, head, name, entry) TAILQ_FOREACH(at, head, entry)

#endif
