/* SPDX-License-Identifier: MIT */
/**
 * DOC: Skald accelerator user API
 *
 * Rules for every structure here: 8-byte aligned, padding must be zero, unknown flags are refused
 * with EINVAL, new fields are only ever added at the end (or in padding) and zero means the old
 * behaviour. Ids are append-only. The version of this file is the DRM driver version; the change
 * log is at &SKALD_DRIVER_MAJOR.
 *
 * Errors common to all calls: EFAULT (bad pointer), EINVAL (bad argument, flag or padding),
 * ENOENT (no such handle or id), ENOMEM (no system memory), ENODEV (card unplugged), EIO (card
 * dead: its reset failed, a later one may succeed), EPROTO (the firmware refused what the driver
 * may ask: they do not fit together), EINTR (signal, where its handler does not restart calls;
 * otherwise the call goes on).
 * Further errors are listed with each call.
 */
#ifndef _SKALD_ACCEL_H_
#define _SKALD_ACCEL_H_

#ifdef __KERNEL__
#include <drm/drm.h>
#else
#include <libdrm/drm.h>
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/*
 * 1.0: first version.
 * 1.1: DRM_SKALD_QUERY_CLOCK, DRM_SKALD_QUEUE_KEEP_STAMPS, DRM_IOCTL_SKALD_QUEUE_STAMPS.
 * 1.2: drm_skald_job_stamps.pushed_ns.
 * 1.3: limits of what one client may take: DRM_SKALD_FILE_VMS_MAX, DRM_SKALD_FILE_QUEUES_MAX,
 *	DRM_SKALD_QUEUE_JOBS_MAX, DRM_SKALD_VM_BIND_OPS_MAX; what a job may take:
 *	drm_skald_queue_create.max_job_ms.
 * 1.4: DRM_SKALD_QUERY_MODEL, DRM_SKALD_JOB_PROFILE_MODEL; buffers in card memory can be exported;
 *	contexts and queues are kept when the card sleeps.
 * 1.5: queues that user space rings: DRM_SKALD_QUEUE_USER_MODE,
 *	drm_skald_queue_create.mmap_offset.
 */
#define SKALD_DRIVER_MAJOR 1
#define SKALD_DRIVER_MINOR 5

/**
 * enum drm_skald_ioctl_id - numbers relative to DRM_COMMAND_BASE
 */
enum drm_skald_ioctl_id {
	DRM_SKALD_QUERY = 0,
	DRM_SKALD_BO_CREATE,
	DRM_SKALD_BO_USERPTR,
	DRM_SKALD_BO_MMAP_OFFSET,
	DRM_SKALD_VM_CREATE,
	DRM_SKALD_VM_DESTROY,
	DRM_SKALD_VM_BIND,
	DRM_SKALD_VM_QUERY,
	DRM_SKALD_QUEUE_CREATE,
	DRM_SKALD_QUEUE_DESTROY,
	DRM_SKALD_QUEUE_QUERY,
	DRM_SKALD_SUBMIT,
	DRM_SKALD_WAIT_PROGRESS,
	DRM_SKALD_QUEUE_STAMPS,
};

/**
 * struct drm_skald_array - an array in user memory
 * @stride: bytes of one element as user space knows it, at least those of the element's first
 *	version (EINVAL); what the kernel knows beyond it counts as zero, what it does not know
 *	must be zero
 * @count: number of elements
 * @array: pointer to the first
 */
struct drm_skald_array {
	__u32 stride;
	__u32 count;
	__u64 array;
};

/**
 * enum drm_skald_query_type - what DRM_IOCTL_SKALD_QUERY tells
 * @DRM_SKALD_QUERY_DEVICE: struct drm_skald_query_device
 * @DRM_SKALD_QUERY_FIRMWARE: struct drm_skald_query_firmware
 * @DRM_SKALD_QUERY_USAGE: struct drm_skald_query_usage
 * @DRM_SKALD_QUERY_CLOCK: struct drm_skald_query_clock; EOPNOTSUPP if the card has no clock
 * @DRM_SKALD_QUERY_MODEL: struct drm_skald_query_model; EOPNOTSUPP if the card models no chip
 */
enum drm_skald_query_type {
	DRM_SKALD_QUERY_DEVICE = 0,
	DRM_SKALD_QUERY_FIRMWARE,
	DRM_SKALD_QUERY_USAGE,
	DRM_SKALD_QUERY_CLOCK,
	DRM_SKALD_QUERY_MODEL,
};

/**
 * struct drm_skald_query - ask one thing
 * @type: enum drm_skald_query_type
 * @size: in: bytes at @pointer; out: bytes written, or, if @pointer is 0, bytes available
 * @pointer: where to write, or 0. At most @size bytes are written.
 */
struct drm_skald_query {
	__u32 type;
	__u32 size;
	__u64 pointer;
};

/** struct drm_skald_query_device - what does not change while the card is there */
struct drm_skald_query_device {
	__u32 device_abi;      /** @device_abi: DEVICE_ABI register */
	__u32 caps;            /** @caps: SKALD_CAP_* of skald/regs.h */
	__u32 num_queues;      /** @num_queues: queues the card has for all clients */
	__u32 num_contexts;    /** @num_contexts: VMs the card has for all clients */
	__u64 mem_size;        /** @mem_size: bytes of card memory */
	__u64 va_start;        /** @va_start: first address VM_BIND accepts */
	__u64 va_end;          /** @va_end: end of the addresses VM_BIND accepts */
	__u32 scratch_max;     /** @scratch_max: bytes of scratch a queue may ask for */
	/** @engine_simd: host path of the model: 0 scalar, 1 AVX2, 2 AVX-512, 3 AMX */
	__u32 engine_simd;
	__u32 engine_threads;  /** @engine_threads: host threads of the model */
	/** @ring_jobs: jobs a queue holds before submissions wait in the kernel */
	__u32 ring_jobs;
	/** @card_page_size: alignment of card buffers and of their bindings, 2 MiB */
	__u64 card_page_size;
	__u64 system_page_size; /** @system_page_size: the same for system memory, 4 KiB */
};

/** struct drm_skald_query_firmware - the running firmware */
struct drm_skald_query_firmware {
	__u32 version;   /** @version: major << 24 | minor << 16 | patch */
	__u32 abi;       /** @abi: FW_ABI register */
	__u32 heartbeat; /** @heartbeat: HEARTBEAT register */
	__u32 resets;    /** @resets: resets of the card since the driver bound */
};

/** struct drm_skald_query_usage - counters of the whole card */
struct drm_skald_query_usage {
	/** @mem_used: bytes of card memory in use, page tables and rings included */
	__u64 mem_used;
	__u64 submissions;  /** @submissions: jobs submitted since bind */
	__u64 interrupts;   /** @interrupts: interrupts taken since bind */
	__u64 micro_ops;    /** @micro_ops: retired, all queues, since bind */
	__u32 clients;      /** @clients: open files */
	__u32 vms;          /** @vms: VMs of all clients */
	__u32 queues;       /** @queues: queues of all clients */
	__u32 pad;          /** @pad: 0 */
};

/**
 * struct drm_skald_query_clock - the card's clock beside ours
 *
 * The card's was read between the two readings of ours. Clocks drift: relate what happened between
 * two such queries, not far apart.
 */
struct drm_skald_query_clock {
	__u64 card_ns;   /** @card_ns: CLOCK registers: ns since the card was reset */
	__s64 before_ns; /** @before_ns: CLOCK_MONOTONIC */
	__s64 after_ns;  /** @after_ns: CLOCK_MONOTONIC */
};

/* The energies of the chip are known; without it only some of them are counted. */
#define DRM_SKALD_MODEL_ENERGY (1 << 0)

/**
 * struct drm_skald_query_model - the chip whose time and energy the card counts
 *
 * Counters since the card was reset, all of one moment: the last token boundary or end of a job.
 * Times are the chip's, not this machine's. Since 1.4
 */
struct drm_skald_query_model {
	char name[64];        /** @name: of its profile, zero-terminated */
	__u32 flags;          /** @flags: DRM_SKALD_MODEL_ENERGY or 0 */
	__u32 pad;            /** @pad: 0 */
	__u32 idle_mw;        /** @idle_mw: what it draws when idle; 0: not known */
	__u32 rated_mw;       /** @rated_mw: what it may draw; 0: not known */
	__u64 time_ns;        /** @time_ns: of all runs, one after the other */
	__u64 memory_ns;      /** @memory_ns: that its engines were busy: copies */
	__u64 vector_ns;      /** @vector_ns: vector unit */
	__u64 matrix_ns;      /** @matrix_ns: array */
	__u64 attention_ns;   /** @attention_ns: attention */
	__u64 selection_ns;   /** @selection_ns: selection */
	__u64 dram_ns;        /** @dram_ns: the same of its memory's channel */
	__u64 dram_bytes;     /** @dram_bytes: to and from that memory */
	__u64 energy_pj;      /** @energy_pj: drawn in @time_ns */
	__u64 jobs;           /** @jobs: that have ended */
	__u64 preemptions;    /** @preemptions: of jobs */
	/** @apart_ns: what @jobs and @preemptions took besides, which is in no run's time */
	__u64 apart_ns;
	__u64 apart_pj;       /** @apart_pj: what they drew */
};

/*
 * Card memory, 2 MiB blocks; mmap goes through BAR4, write-combined. Exported as a dma-buf it can
 * be mapped, and imported by other files of the same card, since 1.4; other devices cannot.
 *
 * Clients together may have more of it than there is. Where room is wanted, buffers that no jobs
 * use move out to system memory, which is charged to the memory cgroup of who made them, and come
 * back before the next job of an address space that uses them. What is in them stays, and mappings
 * follow. fdinfo tells how much of a client's is out.
 */
#define DRM_SKALD_BO_CARD (1 << 0)
/* System memory, cached, 4 KiB pages; only COPY, semaphores and token rings reach it. */
#define DRM_SKALD_BO_SYSTEM (1 << 1)

/**
 * struct drm_skald_bo_create - a zeroed buffer
 * @size: in: bytes, not 0; out: rounded up to the page size of its kind
 * @flags: exactly one of DRM_SKALD_BO_CARD and DRM_SKALD_BO_SYSTEM
 * @handle: out: GEM handle
 *
 * One open file may have handles of as much card memory as buffers can have at once. A buffer for
 * which there is no room begins outside. Errors: ENOSPC (more than that).
 */
struct drm_skald_bo_create {
	__u64 size;
	__u32 flags;
	__u32 handle;
};

#define DRM_SKALD_USERPTR_READONLY (1 << 0)

/**
 * struct drm_skald_bo_userptr - a buffer over the caller's memory, pinned until the handle and
 * its bindings are gone
 * @addr: page aligned user address
 * @size: bytes, a multiple of the page size, not 0
 * @flags: must be DRM_SKALD_USERPTR_READONLY: the card can only read it
 * @handle: out: GEM handle; cannot be mmapped or exported
 *
 * Errors: EOPNOTSUPP (without READONLY), EFAULT (not readable memory), ENOMEM (memlock limit).
 */
struct drm_skald_bo_userptr {
	__u64 addr;
	__u64 size;
	__u32 flags;
	__u32 handle;
};

/**
 * struct drm_skald_bo_mmap_offset - fake offset for mmap()
 * @handle: GEM handle
 * @flags: 0
 * @offset: out: pass it to mmap() of the device file
 *
 * Who touches mapped card memory in the middle of a reset, or while the buffer moves, waits for its
 * end; the content is as before. While the card is dead, and once it is unplugged, that is SIGBUS.
 * Errors: EOPNOTSUPP (userptr).
 */
struct drm_skald_bo_mmap_offset {
	__u32 handle;
	__u32 flags;
	__u64 offset;
};

/* VMs and queues that one open file may have: others want some as well. */
#define DRM_SKALD_FILE_VMS_MAX 16
#define DRM_SKALD_FILE_QUEUES_MAX 64

/**
 * struct drm_skald_vm_create - an address space: a context of the card
 * @flags: 0
 * @vm_id: out: id in this file
 *
 * Errors: EUSERS (the card has no context left, or the file has DRM_SKALD_FILE_VMS_MAX).
 */
struct drm_skald_vm_create {
	__u32 flags;
	__u32 vm_id;
};

/**
 * struct drm_skald_vm_destroy - end an address space; its bindings go, its jobs are killed
 * @vm_id: id
 * @pad: 0
 *
 * Errors: EBUSY (queues exist).
 */
struct drm_skald_vm_destroy {
	__u32 vm_id;
	__u32 pad;
};

#define DRM_SKALD_SYNC_SYNCOBJ 0          /* binary */
#define DRM_SKALD_SYNC_TIMELINE_SYNCOBJ 1
#define DRM_SKALD_SYNC_TYPE_MASK 0xff
#define DRM_SKALD_SYNC_SIGNAL (1u << 31)  /* signal when done; without it: wait before the start */

/**
 * struct drm_skald_sync - one fence to wait for or to signal
 * @flags: type and DRM_SKALD_SYNC_SIGNAL
 * @handle: syncobj
 * @timeline_value: point, 0 for binary ones
 *
 * What is waited for must have been submitted before (EINVAL): kernel fences must not wait for
 * user space.
 */
struct drm_skald_sync {
	__u32 flags;
	__u32 handle;
	__u64 timeline_value;
};

#define DRM_SKALD_BIND_MAP 0
#define DRM_SKALD_BIND_UNMAP 1
#define DRM_SKALD_BIND_TYPE_MASK 0xf
#define DRM_SKALD_BIND_READONLY (1 << 4) /* MAP only */

/**
 * struct drm_skald_bind_op - map or unmap a range
 * @flags: DRM_SKALD_BIND_MAP or _UNMAP, optional DRM_SKALD_BIND_READONLY
 * @handle: MAP: GEM handle; UNMAP: 0
 * @offset: MAP: offset in the buffer, page aligned; UNMAP: 0
 * @va: address, page aligned (page size of the buffer's kind; UNMAP: 4 KiB)
 * @range: bytes, page aligned, not 0
 *
 * MAP replaces what was there. UNMAP of nothing is fine. Ranges must lie in va_start..va_end.
 */
struct drm_skald_bind_op {
	__u32 flags;
	__u32 handle;
	__u64 offset;
	__u64 va;
	__u64 range;
};

/* Return before it is done; syncs say when. Without it @syncs must be empty. */
#define DRM_SKALD_VM_BIND_ASYNC (1 << 0)
/* Operations of a VM that are not done yet; a call may bring half of it. */
#define DRM_SKALD_VM_BIND_OPS_MAX 65536

/**
 * struct drm_skald_vm_bind - change an address space; all operations or none
 * @vm_id: id
 * @flags: 0 or DRM_SKALD_VM_BIND_ASYNC
 * @ops: array of struct drm_skald_bind_op, 1..65536
 * @syncs: array of struct drm_skald_sync, at most 1024
 *
 * Binds of one VM take effect in the order of the calls. A range is unmapped from the card before
 * it is released. Errors: ENOSPC (no card memory for page tables, which may take an eighth of it
 * from buffers; or the VM's buffers in card memory, those that are about to be unmapped included,
 * would be more than the card can have at once beside what user-mode queues keep there), EACCES
 * (writable map of a read-only buffer), EBUSY (more than DRM_SKALD_VM_BIND_OPS_MAX operations would
 * be under way: wait for one).
 */
struct drm_skald_vm_bind {
	__u32 vm_id;
	__u32 flags;
	struct drm_skald_array ops;
	struct drm_skald_array syncs;
};

/**
 * struct drm_skald_vm_query - the first fault of an address space
 * @vm_id: id
 * @pad: 0
 * @reason: out: enum skald_fault_reason of skald/fault.h, 0 if nothing happened
 * @queue_id: out: queue of the job
 * @seq: out: number of the job in its queue, from 1
 * @address: out: faulting address, else 0
 * @op_index: out: micro-op
 * @banned: out: 1 when the VM takes no more jobs (ENOTRECOVERABLE)
 */
struct drm_skald_vm_query {
	__u32 vm_id;
	__u32 pad;
	__u32 reason;
	__u32 queue_id;
	__u64 seq;
	__u64 address;
	__u32 op_index;
	__u32 banned;
};

enum drm_skald_priority {
	DRM_SKALD_PRIORITY_NORMAL = 0,
	DRM_SKALD_PRIORITY_LOW,
	DRM_SKALD_PRIORITY_HIGH, /* needs CAP_SYS_NICE */
};

/* Keep stamps of the last DRM_SKALD_STAMPS_KEPT jobs for DRM_IOCTL_SKALD_QUEUE_STAMPS. */
#define DRM_SKALD_QUEUE_KEEP_STAMPS (1 << 0)
#define DRM_SKALD_STAMPS_KEPT 256
/* User space writes ring and doorbell itself, since 1.5. */
#define DRM_SKALD_QUEUE_USER_MODE (1 << 1)
/* At mmap_offset of such a queue: a page for the doorbell, then one for the ring. */
#define DRM_SKALD_QUEUE_MMAP_BYTES 8192
#define DRM_SKALD_QUEUE_MMAP_DOORBELL 0
#define DRM_SKALD_QUEUE_MMAP_RING 4096
/* Engine time of a job in ms, at most. */
#define DRM_SKALD_JOB_MS_MAX 600000

/**
 * struct drm_skald_queue_create - a queue of jobs in an address space
 * @vm_id: id
 * @priority: enum drm_skald_priority
 * @scratch_size: bytes of scratch, a multiple of 4 KiB, may be 0
 * @coalesce_tokens: progress wakes waiters after so many tokens ...
 * @coalesce_us: ... or so long after the last wake-up; both 0: the default of 16 tokens or 60 ms
 * @eventfd: eventfd that is signalled with every progress wake-up and end of a job, or -1
 * @flags: 0 or one of DRM_SKALD_QUEUE_KEEP_STAMPS and DRM_SKALD_QUEUE_USER_MODE
 * @queue_id: out: id in this file
 * @max_job_ms: engine time of a job, DRM_SKALD_JOB_MS_MAX at most; 0: that. A job that has had the
 *	engine for longer is ended between two micro-ops with ETIME, and bans its VM: fences do
 *	not stay open for ever, whatever a program does. Since 1.3
 * @pad: 0
 * @mmap_offset: in: 0; out: for mmap(), of a user-mode queue, else 0. Since 1.5
 *
 * Of queues that have jobs the priority decides; of equals VMs take turns, however many queues they
 * have. A queue of a lower priority gets a small share even where higher ones never rest.
 *
 * A user-mode queue has no fences: SUBMIT is EINVAL. At @mmap_offset plus
 * DRM_SKALD_QUEUE_MMAP_DOORBELL and DRM_SKALD_QUEUE_MMAP_RING there is one page each, to be mapped
 * one by one, shared, and not by children. To submit job number n, counted from 1, write a struct
 * skald_ring_entry (skald/ring.h) with that seq to place (n - 1) % ring_jobs of the ring, have it
 * leave the write-combining buffers (a full barrier), and write the low half of n to the doorbell,
 * 32 bits at its begin; one doorbell may announce several. A job may be written once job
 * n - ring_jobs is known to have ended: by WAIT_PROGRESS, whose progress and completed are as of
 * any queue. A doorbell that goes back or beyond is not heard. An entry that is wrong faults, as
 * does whatever else a job does that it must not: that bans the VM. Priorities, turns, max_job_ms
 * and the watchdog are as for any queue, where a budget of 0 is none. Nothing but max_job_ms bounds
 * a time_budget. DRM_SKALD_QUEUE_QUERY counts jobs as submitted when they have ended, and of those
 * whose completion was overwritten before the driver saw it (which takes more than ring_jobs jobs
 * that nobody waited for) nothing but that.
 *
 * VM_BIND does not wait for jobs of a user-mode queue: what is unmapped under one faults, and is
 * not released before the card has let go of it. Who touches doorbell or ring in the middle of a
 * reset waits for its end. Once the queue is off the card (destroyed, reset, unplugged) they are
 * memory that nobody reads, never SIGBUS; WAIT_PROGRESS says why. Such a queue keeps the card from
 * sleeping by itself, and is lost, with its VM, when the machine sleeps. While there is one, the
 * VM's buffers in card memory stay there. All VMs that have one may keep seven eighths of it.
 *
 * Errors: EUSERS (the card has no queue left, or the file has DRM_SKALD_FILE_QUEUES_MAX), EACCES
 * (priority), ENOSPC (no card memory; more would have to stay there), EBADF (eventfd),
 * ENOTRECOVERABLE (VM banned), EOPNOTSUPP (stamps of a card that makes none; user mode with
 * firmware before ABI 1.2, or where a page is not 4 KiB). mmap(): EINVAL (not one page, private,
 * executable), ENOENT (no such queue in this file).
 */
struct drm_skald_queue_create {
	__u32 vm_id;
	__u32 priority;
	__u32 scratch_size;
	__u32 coalesce_tokens;
	__u32 coalesce_us;
	__s32 eventfd;
	__u32 flags;
	__u32 queue_id;
	__u32 max_job_ms;
	__u32 pad;
	__u64 mmap_offset;
};

/**
 * struct drm_skald_queue_destroy - end a queue; its jobs are killed
 * @queue_id: id
 * @pad: 0
 */
struct drm_skald_queue_destroy {
	__u32 queue_id;
	__u32 pad;
};

/**
 * struct drm_skald_queue_query - sums over the ended jobs of a queue
 * @queue_id: id
 * @last_status: out: enum skald_job_status of the last ended job, 0 if none
 * @submitted: out: jobs accepted
 * @completed: out: jobs ended
 * @micro_ops: out: retired
 * @cycles: out: modelled
 * @bytes: out: modelled traffic to card memory
 * @energy_pj: out: modelled
 * @progress: out: tokens put out
 */
struct drm_skald_queue_query {
	__u32 queue_id;
	__u32 last_status;
	__u64 submitted;
	__u64 completed;
	__u64 micro_ops;
	__u64 cycles;
	__u64 bytes;
	__u64 energy_pj;
	__u64 progress;
};

/* At @profile_va there are struct skald_profile_model behind the others: SKALD_PROFILE_MODEL. */
#define DRM_SKALD_JOB_PROFILE_MODEL (1 << 0)

/**
 * struct drm_skald_job - one job; addresses are virtual in the queue's VM
 * @program_va: micro-ops, 64-byte aligned
 * @args_va: argument block of 512 bytes, 64-byte aligned
 * @profile_va: 0, or struct skald_profile per micro-op (skald/ring.h), 64-byte aligned
 * @time_budget_ns: the job ends with CONTINUE at the next token boundary after this; 0: the
 *	default of 1 s; at most three quarters of the queue's max_job_ms
 * @loop_budget: backward branches allowed; 0: the card's default
 * @program_ops: micro-ops, 1..65536
 * @flags: 0 or DRM_SKALD_JOB_PROFILE_MODEL (since 1.4), which takes a @profile_va and a card with
 *	SKALD_CAP_MODEL
 */
struct drm_skald_job {
	__u64 program_va;
	__u64 args_va;
	__u64 profile_va;
	__u64 time_budget_ns;
	__u64 loop_budget;
	__u32 program_ops;
	__u32 flags;
};

/* Jobs of a queue that have not ended. */
#define DRM_SKALD_QUEUE_JOBS_MAX 1024

/**
 * struct drm_skald_submit - put jobs into a queue; they run in order
 * @queue_id: id, not of a user-mode queue
 * @flags: 0
 * @jobs: array of struct drm_skald_job, 1..64
 * @syncs: waits apply to the first job, signals to the last; at most 1024
 *
 * A failed job signals its fences with an error: EIO after a fault, ECANCELED when killed, ETIME by
 * the watchdog or after max_job_ms. Fences of a queue signal in order, also those of jobs that do
 * not run. The call brings in what buffers of the VM are out. It waits for the jobs of others that
 * have to make room, and may be interrupted. Clients that do not fit on the card together take
 * turns, by one call at least.
 *
 * Errors: ENOSPC (the VM's buffers cannot all be on the card at once), ENOMEM (also: others cannot
 * make room for lack of system memory), ENOTRECOVERABLE (VM banned after a fault, see
 * DRM_IOCTL_SKALD_VM_QUERY), EBUSY (the queue would have more than DRM_SKALD_QUEUE_JOBS_MAX jobs
 * that have not ended: wait for one).
 */
struct drm_skald_submit {
	__u32 queue_id;
	__u32 flags;
	struct drm_skald_array jobs;
	struct drm_skald_array syncs;
};

/**
 * struct drm_skald_wait_progress - sleep until a queue put out more tokens than seen
 * @queue_id: id
 * @pad: 0
 * @seen: progress that the caller knows
 * @seen_completed: jobs of the queue that the caller knows to have ended
 * @timeout_ns: absolute, CLOCK_MONOTONIC; in the past: just look
 * @progress: out: tokens put out
 * @completed: out: jobs ended
 *
 * Returns when progress != seen or completed != seen_completed. Level-triggered.
 * Errors: ETIME (timeout; outputs are valid), ENOTRECOVERABLE (VM banned and nothing new; of a
 * user-mode queue it may come before the ends of jobs that the ban ends).
 */
struct drm_skald_wait_progress {
	__u32 queue_id;
	__u32 pad;
	__u64 seen;
	__u64 seen_completed;
	__s64 timeout_ns;
	__u64 progress;
	__u64 completed;
};

/**
 * struct drm_skald_job_stamps - when a job passed which place
 * @seq: number of the job in its queue, from 1; jobs that never reached the card have none
 * @submit_ns: CLOCK_MONOTONIC: SUBMIT was called
 * @doorbell_ns: CLOCK_MONOTONIC: its turn had come, its doorbell was about to be written
 * @interrupt_ns: CLOCK_MONOTONIC: last interrupt of the queue's vector before @seen_ns
 * @seen_ns: CLOCK_MONOTONIC: the driver found its completion
 * @card_doorbell_ns: clock of the card: the doorbell was written
 * @card_launched_ns: clock of the card: the firmware gave it to the engine, 0: it did not run
 * @card_began_ns: clock of the card: the engine began it, 0: it did not run
 * @card_ended_ns: clock of the card: the engine ended it, 0: it did not run
 * @card_written_ns: clock of the card: its completion was on its way
 * @pushed_ns: CLOCK_MONOTONIC: SUBMIT was about to hand it to the scheduler, since 1.2
 */
struct drm_skald_job_stamps {
	__u64 seq;
	__s64 submit_ns;
	__s64 doorbell_ns;
	__s64 interrupt_ns;
	__s64 seen_ns;
	__u64 card_doorbell_ns;
	__u64 card_launched_ns;
	__u64 card_began_ns;
	__u64 card_ended_ns;
	__u64 card_written_ns;
	__s64 pushed_ns;
};

/**
 * struct drm_skald_queue_stamps - stamps of ended jobs
 * @queue_id: id
 * @flags: 0
 * @first: in: number of the first job wanted; out: number of the first returned, later where the
 *	wanted ones are forgotten
 * @stamps: array of struct drm_skald_job_stamps; count: in: room, out: jobs returned, oldest first.
 *	Of elements that are shorter than the kernel's as much as fits is written, the rest of
 *	longer ones is left alone.
 *
 * Errors: EOPNOTSUPP (the queue keeps none).
 */
struct drm_skald_queue_stamps {
	__u32 queue_id;
	__u32 flags;
	__u64 first;
	struct drm_skald_array stamps;
};

#define DRM_IOCTL_SKALD_QUERY DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_QUERY, struct drm_skald_query)
#define DRM_IOCTL_SKALD_BO_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_BO_CREATE, struct drm_skald_bo_create)
#define DRM_IOCTL_SKALD_BO_USERPTR \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_BO_USERPTR, struct drm_skald_bo_userptr)
#define DRM_IOCTL_SKALD_BO_MMAP_OFFSET \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_BO_MMAP_OFFSET, struct drm_skald_bo_mmap_offset)
#define DRM_IOCTL_SKALD_VM_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_VM_CREATE, struct drm_skald_vm_create)
#define DRM_IOCTL_SKALD_VM_DESTROY \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_VM_DESTROY, struct drm_skald_vm_destroy)
#define DRM_IOCTL_SKALD_VM_BIND \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_VM_BIND, struct drm_skald_vm_bind)
#define DRM_IOCTL_SKALD_VM_QUERY \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_VM_QUERY, struct drm_skald_vm_query)
#define DRM_IOCTL_SKALD_QUEUE_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_QUEUE_CREATE, struct drm_skald_queue_create)
#define DRM_IOCTL_SKALD_QUEUE_DESTROY \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_QUEUE_DESTROY, struct drm_skald_queue_destroy)
#define DRM_IOCTL_SKALD_QUEUE_QUERY \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_QUEUE_QUERY, struct drm_skald_queue_query)
#define DRM_IOCTL_SKALD_SUBMIT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_SUBMIT, struct drm_skald_submit)
#define DRM_IOCTL_SKALD_WAIT_PROGRESS \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_WAIT_PROGRESS, struct drm_skald_wait_progress)
#define DRM_IOCTL_SKALD_QUEUE_STAMPS \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SKALD_QUEUE_STAMPS, struct drm_skald_queue_stamps)

/* The layout is part of the contract on every architecture. */
#if defined(__cplusplus)
#define SKALD_UAPI_SIZE(type, size) static_assert(sizeof(type) == (size), #type)
#else
#define SKALD_UAPI_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#endif
SKALD_UAPI_SIZE(struct drm_skald_array, 16);
SKALD_UAPI_SIZE(struct drm_skald_query, 16);
SKALD_UAPI_SIZE(struct drm_skald_query_device, 72);
SKALD_UAPI_SIZE(struct drm_skald_query_firmware, 16);
SKALD_UAPI_SIZE(struct drm_skald_query_usage, 48);
SKALD_UAPI_SIZE(struct drm_skald_bo_create, 16);
SKALD_UAPI_SIZE(struct drm_skald_bo_userptr, 24);
SKALD_UAPI_SIZE(struct drm_skald_bo_mmap_offset, 16);
SKALD_UAPI_SIZE(struct drm_skald_vm_create, 8);
SKALD_UAPI_SIZE(struct drm_skald_vm_destroy, 8);
SKALD_UAPI_SIZE(struct drm_skald_sync, 16);
SKALD_UAPI_SIZE(struct drm_skald_bind_op, 32);
SKALD_UAPI_SIZE(struct drm_skald_vm_bind, 40);
SKALD_UAPI_SIZE(struct drm_skald_vm_query, 40);
SKALD_UAPI_SIZE(struct drm_skald_queue_create, 48);
SKALD_UAPI_SIZE(struct drm_skald_queue_destroy, 8);
SKALD_UAPI_SIZE(struct drm_skald_queue_query, 64);
SKALD_UAPI_SIZE(struct drm_skald_job, 48);
SKALD_UAPI_SIZE(struct drm_skald_submit, 40);
SKALD_UAPI_SIZE(struct drm_skald_wait_progress, 48);
SKALD_UAPI_SIZE(struct drm_skald_query_clock, 24);
SKALD_UAPI_SIZE(struct drm_skald_query_model, 184);
SKALD_UAPI_SIZE(struct drm_skald_job_stamps, 88);
SKALD_UAPI_SIZE(struct drm_skald_queue_stamps, 32);
#undef SKALD_UAPI_SIZE

#if defined(__cplusplus)
}
#endif

#endif
