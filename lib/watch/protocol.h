/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The protocol between a test program and the runner.
 *
 * The program declares its cases as JSON (--list=json) with the words of GM_FLAG_LIST and
 * GM_TOKEN_LIST. One case runs in a process of its own, finds the variables of GM_ENV_LIST in its
 * environment, and writes records to the report pipe: one per line, fields separated by TAB, with
 * TAB, newline and backslash escaped as in C. The last record is the verdict, and the exit status
 * agrees with it. runner/report.c evaluates the records.
 */
#ifndef GM_PROTOCOL_H
#define GM_PROTOCOL_H

#include <stdlib.h>
#include <string.h>

/* Flags of a case: id, word. */
#define GM_FLAG_LIST(X)                                                                            \
	X(FULL_ONLY, "full_only") /* left out of --profile quick */                                \
	X(SAMPLED, "sampled")	  /* one cell of a large table: quick runs a quarter, by seed */   \
	X(DESTRUCTIVE, "destructive") /* may harm the running kernel: runs last */                 \
	X(REFUSAL, "refusal")	      /* tests a refusal: ERROR without a control that passed */   \
	X(AS_USER, "as_user") /* runs as an ordinary user (uid and gid 65534), no capabilities */

/* Resources that only one running case may have at a time: id, word. */
#define GM_TOKEN_LIST(X)                                                                           \
	X(HUGE, "huge")	    /* the huge page pools, or counters of them */                         \
	X(IOMMU, "iommu")   /* IOMMU devices, the iommufd mock */                                  \
	X(MODULE, "module") /* module parameters, other global kernel state */                     \
	X(ALONE, "alone")   /* no other case may run at the same time */

/* How a case ended: id, word, exit status of its process. */
#define GM_VERDICT_LIST(X)                                                                         \
	X(PASS, "PASS", 0)                                                                         \
	X(FAILED, "FAIL", 1)                                                                       \
	X(ERRORED, "ERROR", 2)                                                                     \
	X(SKIPPED, "SKIP", 4)

/* Records: id, word, number of fields that follow it. */
#define GM_RECORD_LIST(X)                                                                          \
	X(NOTE, "note", 1)	 /* TEXT */                                                        \
	X(FAIL, "fail", 2)	 /* FILE:LINE, TEXT */                                             \
	X(CONTROL, "control", 1) /* TEXT */                                                        \
	X(LEAK, "leak", 2)	 /* CLAUSE, TEXT */                                                \
	X(MISSING, "missing", 1) /* NEED: not available to later cases of the run */               \
	X(DENIED, "denied",                                                                        \
	  2) /* CALL, ERRNO: a security policy denies it, and the case made it */                  \
	X(VERDICT, "verdict", 5) /* WORD, REASON, REMEDY, checks=N, controls=N */

/* Environment of a case: id, name. */
#define GM_ENV_LIST(X)                                                                             \
	X(REPORT_FD, "GM_REPORT_FD") /* number of the report pipe; unset: readable output */       \
	X(JOURNAL_OWNER, "GM_JOURNAL_OWNER") /* pid of the runner, whose journal is allowed */     \
	X(PROBE_CACHE, "GM_PROBE_CACHE")     /* results of earlier probes: probe_cache.h */        \
	X(ANCHOR, "GM_ANCHOR")		     /* file that its address spaces map: anchor.h */      \
	X(TIME_FACTOR, "GM_TIME_FACTOR")     /* of its time limits: time_factor.h */

/* Optional, for the runner and cases: the directory of the journals (lib/watch/journal.h). */
#define GM_ENV_JOURNAL_DIR "GM_JOURNAL_DIR"

/* Fields of a verdict record that hold a number: key=N. */
#define GM_KEY_CHECKS "checks"
#define GM_KEY_CONTROLS "controls"

enum gm_flag_bit {
#define X(id, word) GM_FLAG_BIT_##id,
	GM_FLAG_LIST(X)
#undef X
		GM_FLAG_NR,
};

enum gm_case_flag {
#define X(id, word) GM_##id = 1 << GM_FLAG_BIT_##id,
	GM_FLAG_LIST(X)
#undef X
};

enum gm_token_bit {
#define X(id, word) GM_TOKEN_BIT_##id,
	GM_TOKEN_LIST(X)
#undef X
		GM_TOKEN_NR,
};

enum gm_token {
#define X(id, word) GM_TOKEN_##id = 1 << GM_TOKEN_BIT_##id,
	GM_TOKEN_LIST(X)
#undef X
};

enum gm_verdict {
#define X(id, word, status) GM_##id,
	GM_VERDICT_LIST(X)
#undef X
		GM_VERDICT_NR,
};

enum gm_record {
#define X(id, word, fields) GM_RECORD_##id,
	GM_RECORD_LIST(X)
#undef X
		GM_RECORD_NR,
};

enum gm_env {
#define X(id, name) GM_ENV_##id,
	GM_ENV_LIST(X)
#undef X
		GM_ENV_NR,
};

static inline const char *gm_flag_word(int bit)
{
	static const char *const words[] = {
#define X(id, word) word,
		GM_FLAG_LIST(X)
#undef X
	};

	return bit < GM_FLAG_NR ? words[bit] : NULL;
}

static inline const char *gm_token_word(int bit)
{
	static const char *const words[] = {
#define X(id, word) word,
		GM_TOKEN_LIST(X)
#undef X
	};

	return bit < GM_TOKEN_NR ? words[bit] : NULL;
}

static inline const char *gm_verdict_word(enum gm_verdict v)
{
	static const char *const words[] = {
#define X(id, word, status) word,
		GM_VERDICT_LIST(X)
#undef X
	};

	return words[v];
}

static inline int gm_verdict_status(enum gm_verdict v)
{
	static const int status[] = {
#define X(id, word, status) status,
		GM_VERDICT_LIST(X)
#undef X
	};

	return status[v];
}

/* GM_VERDICT_NR: unknown word. */
static inline enum gm_verdict gm_verdict_find(const char *word)
{
	enum gm_verdict v = 0;

	while (v < GM_VERDICT_NR && strcmp(gm_verdict_word(v), word))
		v++;
	return v;
}

static inline const char *gm_record_word(enum gm_record r)
{
	static const char *const words[] = {
#define X(id, word, fields) word,
		GM_RECORD_LIST(X)
#undef X
	};

	return words[r];
}

static inline int gm_record_fields(enum gm_record r)
{
	static const int fields[] = {
#define X(id, word, fields) fields,
		GM_RECORD_LIST(X)
#undef X
	};

	return fields[r];
}

/* GM_RECORD_NR: unknown word. */
static inline enum gm_record gm_record_find(const char *word)
{
	enum gm_record r = 0;

	while (r < GM_RECORD_NR && strcmp(gm_record_word(r), word))
		r++;
	return r;
}

static inline const char *gm_env_name(enum gm_env e)
{
	static const char *const names[] = {
#define X(id, name) name,
		GM_ENV_LIST(X)
#undef X
	};

	return names[e];
}

/* The value of the variable; NULL: not set, or the case runs without a runner. */
static inline const char *gm_env_get(enum gm_env e)
{
	return getenv(gm_env_name(e));
}

#endif
