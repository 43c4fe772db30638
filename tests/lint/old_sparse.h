/* SPDX-License-Identifier: GPL-2.0 */
/* What Linux 7.3 takes for granted and Debian 12's and 13's sparse (0.6.4) does not know; included
 * before all else. */

/* Qualifiers make no difference to the checks of address spaces and byte orders. */
#define __typeof_unqual__ __typeof__

/* Is true of string literals in MODULE_*(), where this sparse knows no length. The compiler looks
 * at all of these. */
#define _Static_assert(...)
