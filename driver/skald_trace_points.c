// SPDX-License-Identifier: GPL-2.0
/*
 * The one place where the trace points of skald_trace.h are made.
 */
#ifndef __CHECKER__
#define CREATE_TRACE_POINTS
#include "skald_trace.h"
#endif
