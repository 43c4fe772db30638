/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace points, in events/skald.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM skald

#if !defined(__SKALD_TRACE_H__) || defined(TRACE_HEADER_MULTI_READ)
#define __SKALD_TRACE_H__

#include <linux/device.h>
#include <linux/tracepoint.h>

TRACE_EVENT(skald_events,
	    TP_PROTO(struct device *dev, u32 events),
	    TP_ARGS(dev, events),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(u32, events)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->events = events;
			   ),
	    TP_printk("%s events=%#x", __get_str(dev), __entry->events)
);

TRACE_EVENT(skald_mbox,
	    TP_PROTO(struct device *dev, u32 opcode, u32 tag, int ret),
	    TP_ARGS(dev, opcode, tag, ret),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(u32, opcode)
			     __field(u32, tag)
			     __field(int, ret)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->opcode = opcode;
			   __entry->tag = tag;
			   __entry->ret = ret;
			   ),
	    TP_printk("%s opcode=%#x tag=%u ret=%d", __get_str(dev), __entry->opcode, __entry->tag,
		      __entry->ret)
);

DECLARE_EVENT_CLASS(skald_job,
		    TP_PROTO(struct device *dev, u32 queue, u64 seq, int error),
		    TP_ARGS(dev, queue, seq, error),
		    TP_STRUCT__entry(__string(dev, dev_name(dev))
				     __field(u32, queue)
				     __field(u64, seq)
				     __field(int, error)
				     ),
		    TP_fast_assign(__assign_str(dev);
				   __entry->queue = queue;
				   __entry->seq = seq;
				   __entry->error = error;
				   ),
		    TP_printk("%s queue=%u seq=%llu error=%d", __get_str(dev),
			      __entry->queue, __entry->seq, __entry->error)
);

DEFINE_EVENT(skald_job, skald_job_run,
	     TP_PROTO(struct device *dev, u32 queue, u64 seq, int error),
	     TP_ARGS(dev, queue, seq, error)
);

DEFINE_EVENT(skald_job, skald_job_end,
	     TP_PROTO(struct device *dev, u32 queue, u64 seq, int error),
	     TP_ARGS(dev, queue, seq, error)
);

TRACE_EVENT(skald_fault,
	    TP_PROTO(struct device *dev, u32 ctx, u32 queue_id, u64 seq, u32 reason, u32 op,
		     u64 address),
	    TP_ARGS(dev, ctx, queue_id, seq, reason, op, address),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(u32, ctx)
			     __field(u32, queue_id)
			     __field(u64, seq)
			     __field(u32, reason)
			     __field(u32, op)
			     __field(u64, address)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->ctx = ctx;
			   __entry->queue_id = queue_id;
			   __entry->seq = seq;
			   __entry->reason = reason;
			   __entry->op = op;
			   __entry->address = address;
			   ),
	    TP_printk("%s ctx=%u queue_id=%u seq=%llu reason=%u op=%u address=%#llx",
		      __get_str(dev), __entry->ctx, __entry->queue_id, __entry->seq,
		      __entry->reason, __entry->op, __entry->address)
);

TRACE_EVENT(skald_bind,
	    TP_PROTO(struct device *dev, u32 ctx, u32 ops, int ret),
	    TP_ARGS(dev, ctx, ops, ret),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(u32, ctx)
			     __field(u32, ops)
			     __field(int, ret)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->ctx = ctx;
			   __entry->ops = ops;
			   __entry->ret = ret;
			   ),
	    TP_printk("%s ctx=%u ops=%u ret=%d", __get_str(dev), __entry->ctx, __entry->ops,
		      __entry->ret)
);

TRACE_EVENT(skald_watchdog,
	    TP_PROTO(struct device *dev, u32 queue, u64 progress, unsigned int stalls),
	    TP_ARGS(dev, queue, progress, stalls),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(u32, queue)
			     __field(u64, progress)
			     __field(unsigned int, stalls)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->queue = queue;
			   __entry->progress = progress;
			   __entry->stalls = stalls;
			   ),
	    TP_printk("%s queue=%u progress=%llu stalls=%u", __get_str(dev), __entry->queue,
		      __entry->progress, __entry->stalls)
);

DECLARE_EVENT_CLASS(skald_move,
		    TP_PROTO(struct device *dev, u64 bytes, bool copied, int ret),
		    TP_ARGS(dev, bytes, copied, ret),
		    TP_STRUCT__entry(__string(dev, dev_name(dev))
				     __field(u64, bytes)
				     __field(bool, copied)
				     __field(int, ret)
				     ),
		    TP_fast_assign(__assign_str(dev);
				   __entry->bytes = bytes;
				   __entry->copied = copied;
				   __entry->ret = ret;
				   ),
		    TP_printk("%s bytes=%llu copied=%d ret=%d", __get_str(dev),
			      __entry->bytes, __entry->copied, __entry->ret)
);

DEFINE_EVENT(skald_move, skald_move_out,
	     TP_PROTO(struct device *dev, u64 bytes, bool copied, int ret),
	     TP_ARGS(dev, bytes, copied, ret)
);

DEFINE_EVENT(skald_move, skald_move_in,
	     TP_PROTO(struct device *dev, u64 bytes, bool copied, int ret),
	     TP_ARGS(dev, bytes, copied, ret)
);

TRACE_EVENT(skald_reset,
	    TP_PROTO(struct device *dev, u32 gen, int ret),
	    TP_ARGS(dev, gen, ret),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(u32, gen)
			     __field(int, ret)
			     ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->gen = gen;
			   __entry->ret = ret;
			   ),
	    TP_printk("%s gen=%u ret=%d", __get_str(dev), __entry->gen, __entry->ret)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE skald_trace
#include <trace/define_trace.h>
