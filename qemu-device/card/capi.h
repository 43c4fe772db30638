/* SPDX-License-Identifier: MIT */
/*
 * The card for C: what the PCI shell calls, and what it provides. No exception crosses this edge.
 *
 * Threads: every function may be called from any thread, and none waits for a job except
 * skald_card_destroy(), which waits at most for the cancel bound of a micro-op (10 ms). Callbacks
 * come from the card's own threads and, for log, raise_irq, reset_done and removed, also from
 * inside a call. They must not wait for a lock that is held around calls into the card.
 */
#ifndef SKALD_CARD_CAPI_H
#define SKALD_CARD_CAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SKALD_CARD_NOEXCEPT noexcept
extern "C" {
#else
#define SKALD_CARD_NOEXCEPT
#endif

struct skald_card;

enum skald_card_log_level {
    SKALD_CARD_LOG_GUEST_ERROR = 0, /* driver or firmware broke a rule of the device page */
    SKALD_CARD_LOG_ERROR = 1,
    SKALD_CARD_LOG_INFO = 2,  /* state changes */
    SKALD_CARD_LOG_DEBUG = 3, /* jobs, mailbox commands */
};

struct skald_card_callbacks {
    void* opaque; /* first argument of all of them */

    /* Host memory by DMA address. False: refused. The 64-bit forms are single accesses, acquire and
     * release. */
    bool (*dma_read)(void* opaque, uint64_t from, void* to, size_t bytes);
    bool (*dma_write)(void* opaque, uint64_t to, const void* from, size_t bytes);
    bool (*dma_load64)(void* opaque, uint64_t from, uint64_t* value);
    bool (*dma_store64)(void* opaque, uint64_t to, uint64_t value);

    /* Requests MSI-X vector; only notes it. None comes between skald_card_reset_begin() and the end
     * of the reset. */
    void (*raise_irq)(void* opaque, unsigned vector);
    /* Monotonic nanoseconds that stand still while the VM is stopped. */
    uint64_t (*now_ns)(void* opaque);

    /* May be NULL from here on. */
    void (*log)(void* opaque, enum skald_card_log_level level, const char* text);
    /* A reset is over: STATUS is IDLE. */
    void (*reset_done)(void* opaque);
    /* Makes a range of card memory, whole pages of 4 KiB, zero in a cheaper way than by writing
     * zeros. False: not done, the card writes them. */
    bool (*discard_memory)(void* opaque, uint64_t offset, uint64_t bytes);
    /* The card has written to this range of card memory, or may have. Of what jobs write it is told
     * only while skald_card_track_writes() is on. */
    void (*memory_dirtied)(void* opaque, uint64_t offset, uint64_t bytes);
    /* First and last thing on each thread that calls dma_*. */
    void (*thread_enter)(void* opaque);
    void (*thread_exit)(void* opaque);
    /* Faults on purpose: a vector of which one message more is to be sent (NULL: raise_irq); the
     * card has left its bus, or is back, from inside a call. */
    void (*raise_irq_again)(void* opaque, unsigned vector);
    void (*removed)(void* opaque, bool gone);
};

struct skald_card_config {
    void* memory;         /* card memory, owned by the caller, outlives the card; 4 KiB aligned */
    uint64_t memory_size; /* power of two, at least 1 MiB */
    const char* simd;     /* NULL or "auto", "scalar", "avx2", "avx512", "amx" */
    unsigned threads;     /* that compute, the engine's own included; 0: one per processor */
    uint64_t host_memory; /* bytes that guests can make the card take besides; 0: 512 MiB */
    const char* faults;   /* on purpose, as card/faults/README.md has them; NULL or "": none */
    /* Whose time and energy are counted: NULL the card's own, "off" none, else the name of a
     * profile that the library has or that of a file. */
    const char* chip;
};

/* NULL on failure, with a sentence in error (zero-terminated, cut to error_size bytes). The card is
 * idle, as after a reset. */
struct skald_card* skald_card_create(const struct skald_card_config* config,
                                     const struct skald_card_callbacks* callbacks, char* error,
                                     size_t error_size) SKALD_CARD_NOEXCEPT;
void skald_card_destroy(struct skald_card* card) SKALD_CARD_NOEXCEPT;

/* BAR0, registers and shared window. Bad offsets and widths are logged as guest errors; such reads
 * give 0. */
uint32_t skald_card_reg_read(struct skald_card* card, uint32_t offset,
                             unsigned bytes) SKALD_CARD_NOEXCEPT;
void skald_card_reg_write(struct skald_card* card, uint32_t offset, uint32_t value,
                          unsigned bytes) SKALD_CARD_NOEXCEPT;
/* BAR2 */
uint32_t skald_card_doorbell_read(struct skald_card* card, uint32_t offset,
                                  unsigned bytes) SKALD_CARD_NOEXCEPT;
void skald_card_doorbell_write(struct skald_card* card, uint32_t offset, uint32_t value,
                               unsigned bytes) SKALD_CARD_NOEXCEPT;

/* FLR and every other reset: begin never waits; the reset is over when pending is false (see also
 * reset_done). */
void skald_card_reset_begin(struct skald_card* card) SKALD_CARD_NOEXCEPT;
bool skald_card_reset_pending(struct skald_card* card) SKALD_CARD_NOEXCEPT;

/* The machine around the card stops: firmware and jobs halt at their next boundary (a micro-op
 * under way runs to its end). Once paused, nothing writes to card or host memory and nothing raises
 * a vector, except that resets still work. None of these waits; see Card::begin_pause(). */
void skald_card_pause_begin(struct skald_card* card) SKALD_CARD_NOEXCEPT;
bool skald_card_paused(struct skald_card* card) SKALD_CARD_NOEXCEPT;
/* The pause waits no longer for the end of a micro-op: it stands still within 10 ms where it is.
 * Such a card is not paused, and not to be saved. */
void skald_card_freeze(struct skald_card* card) SKALD_CARD_NOEXCEPT;
void skald_card_pause_end(struct skald_card* card) SKALD_CARD_NOEXCEPT;

/* See memory_dirtied. When it begins in the middle of a job, all of card memory is told once. */
void skald_card_track_writes(struct skald_card* card, bool on) SKALD_CARD_NOEXCEPT;

/* Faults on purpose, from here on instead of those before; "": none. False for a plan that is not
 * one, with a sentence in error, and nothing has changed. A card that had left its bus is back, as
 * after a reset. */
bool skald_card_set_faults(struct skald_card* card, const char* plan, char* error,
                           size_t error_size) SKALD_CARD_NOEXCEPT;
/* How often each class of the plan had a chance and happened, as "irq-lost:chances=400:hits=3;...".
 * To be given to free(); NULL without memory. */
char* skald_card_fault_tally(struct skald_card* card) SKALD_CARD_NOEXCEPT;

/* All that a paused card is, except card memory. save: the bytes, to be given back to
 * skald_card_snapshot_free(); NULL on failure. load, into a card that is paused and was reset:
 * false on failure, the card is then as it was. Both leave a sentence in error, as create does. */
void* skald_card_save(struct skald_card* card, size_t* bytes, char* error,
                      size_t error_size) SKALD_CARD_NOEXCEPT;
bool skald_card_load(struct skald_card* card, const void* snapshot, size_t bytes, char* error,
                     size_t error_size) SKALD_CARD_NOEXCEPT;
void skald_card_snapshot_free(void* snapshot) SKALD_CARD_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
