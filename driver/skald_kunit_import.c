// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: buffers of others, whose exporter maps what a test wants.
 */
#include <linux/dma-buf.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>

#include <kunit/device.h>
#include <kunit/test.h>

#include "skald_compat.h"
#include "skald_device.h"
#include "skald_gem.h"

#define SKALD_KUNIT_PIECES 2

/**
 * struct skald_kunit_buffer - what an exporter says, and what it maps
 */
struct skald_kunit_buffer {
	/** @size: bytes of the buffer */
	size_t size;
	/** @piece: of its mapping */
	struct {
		/** @piece.addr: DMA address */
		dma_addr_t addr;
		/** @piece.len: bytes */
		unsigned int len;
	} piece[SKALD_KUNIT_PIECES];
};

static struct sg_table *skald_kunit_map(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	const struct skald_kunit_buffer *buffer = attach->dmabuf->priv;
	struct scatterlist *sg;
	struct sg_table *sgt;
	unsigned int i;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	if (sg_alloc_table(sgt, SKALD_KUNIT_PIECES, GFP_KERNEL)) {
		kfree(sgt);
		return ERR_PTR(-ENOMEM);
	}

	for_each_sgtable_dma_sg(sgt, sg, i) {
		sg_dma_address(sg) = buffer->piece[i].addr;
		sg_dma_len(sg) = buffer->piece[i].len;
	}
	return sgt;
}

static void skald_kunit_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	sg_free_table(sgt);
	kfree(sgt);
}

static void skald_kunit_release(struct dma_buf *dmabuf)
{
}

static const struct dma_buf_ops skald_kunit_ops = {
	.map_dma_buf = skald_kunit_map,
	.unmap_dma_buf = skald_kunit_unmap,
	.release = skald_kunit_release,
};

static const struct drm_driver skald_kunit_driver = {
	.driver_features = DRIVER_GEM,
	.gem_create_object = skald_gem_create_object,
	.gem_prime_import_sg_table = skald_gem_prime_import_sg_table,
	.name = "skald-kunit",
	.desc = "imports without a card",
	SKALD_DRIVER_DATE
};

static int skald_import_init(struct kunit *test)
{
	struct skald_device *sdev;
	struct device *dev;

	dev = kunit_device_register(test, "skald-kunit-import");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	sdev = devm_drm_dev_alloc(dev, &skald_kunit_driver, struct skald_device, base);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sdev);
	INIT_LIST_HEAD(&sdev->dma_bos.list);
	KUNIT_ASSERT_EQ(test, drmm_mutex_init(&sdev->base, &sdev->dma_bos.lock), 0);

	test->priv = sdev;
	return 0;
}

static void skald_import_exit(struct kunit *test)
{
	struct skald_device *sdev = test->priv;

	if (!sdev)
		return;

	KUNIT_EXPECT_EQ(test, atomic_long_read(&sdev->objects[SKALD_OBJECT_BO]), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&sdev->dma_bos.list));
}

static struct drm_gem_object *skald_kunit_import(struct kunit *test,
						 const struct skald_kunit_buffer *buffer)
{
	struct skald_device *sdev = test->priv;
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct drm_gem_object *obj;
	struct dma_buf *dmabuf;

	info.ops = &skald_kunit_ops;
	info.size = buffer->size;
	info.priv = (void *)buffer;
	dmabuf = dma_buf_export(&info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);

	obj = skald_gem_prime_import(&sdev->base, dmabuf);
	/* The buffer holds it, or nobody. */
	dma_buf_put(dmabuf);
	return obj;
}

static void skald_kunit_expect_refused(struct kunit *test, const struct skald_kunit_buffer *buffer)
{
	struct drm_gem_object *obj = skald_kunit_import(test, buffer);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(obj), -EINVAL);
	if (!IS_ERR(obj))
		drm_gem_object_put(obj);
}

static void skald_import_takes_a_table_of_the_buffers_length(struct kunit *test)
{
	static const struct skald_kunit_buffer whole = {
		3 * PAGE_SIZE, { { 0x123456000, 2 * PAGE_SIZE }, { 0x70000, PAGE_SIZE } },
	};
	struct skald_device *sdev = test->priv;
	struct drm_gem_object *obj;

	obj = skald_kunit_import(test, &whole);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, obj->size, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&sdev->objects[SKALD_OBJECT_BO]), 1);
	drm_gem_object_put(obj);
}

/* What was bound behind its end would be mapped to nothing, or to what was there before. */
static void skald_import_refuses_a_table_that_is_too_short(struct kunit *test)
{
	static const struct skald_kunit_buffer shorter[] = {
		{ 3 * PAGE_SIZE, { { 0x100000, PAGE_SIZE }, { 0x70000, PAGE_SIZE } } },
		{ 2 * PAGE_SIZE + 1, { { 0x100000, PAGE_SIZE }, { 0x70000, PAGE_SIZE } } },
		{ PAGE_SIZE, { { 0x100000, 0 }, { 0x70000, 0 } } },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(shorter); i++)
		skald_kunit_expect_refused(test, &shorter[i]);
}

/* The card's page tables have no entry for it. */
static void skald_import_refuses_parts_of_pages(struct kunit *test)
{
	static const struct skald_kunit_buffer odd[] = {
		{ 2 * PAGE_SIZE, { { 0x100200, PAGE_SIZE }, { 0x70000, PAGE_SIZE } } },
		{ 2 * PAGE_SIZE, { { 0x100000, PAGE_SIZE }, { 0x70000, PAGE_SIZE + 512 } } },
		{ 2 * PAGE_SIZE, { { 0x100000, PAGE_SIZE - 512 }, { 0x70200, PAGE_SIZE + 512 } } },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++)
		skald_kunit_expect_refused(test, &odd[i]);
}

static struct kunit_case skald_import_cases[] = {
	KUNIT_CASE(skald_import_takes_a_table_of_the_buffers_length),
	KUNIT_CASE(skald_import_refuses_a_table_that_is_too_short),
	KUNIT_CASE(skald_import_refuses_parts_of_pages),
	{}
};

static struct kunit_suite skald_import_suite = {
	.name = "skald_import",
	.init = skald_import_init,
	.exit = skald_import_exit,
	.test_cases = skald_import_cases,
};

kunit_test_suite(skald_import_suite);
