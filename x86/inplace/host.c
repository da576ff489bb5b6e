// SPDX-License-Identifier: GPL-2.0-only
/* Accesses of the host to a page that becomes private, and shared again: conv.inplace_host. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "inplace.h"

GM_FILE(.clause = "conv.inplace_host", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define NPAGES 64UL
#define SIZE (NPAGES * PG)

static int call_read(uint8_t *hva)
{
	int fd = GM_SETUP_OK(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	int ret = read(fd, hva, 8), err = errno;

	close(fd);
	errno = err;
	return ret;
}

/* A write to a pipe reads the page; one to /dev/null does not. */
static int call_write(uint8_t *hva)
{
	int fd[2], ret, err;

	GM_SETUP_OK(pipe2(fd, O_CLOEXEC));
	ret = write(fd[1], hva, 8);
	err = errno;
	close(fd[0]);
	close(fd[1]);
	errno = err;
	return ret;
}

static int call_readv(uint8_t *hva)
{
	uint64_t word;
	struct iovec local = { &word, 8 }, remote = { hva, 8 };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static int call_writev(uint8_t *hva)
{
	uint64_t word = 0;
	struct iovec local = { &word, 8 }, remote = { hva, 8 };

	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

static int call_populate_read(uint8_t *hva)
{
	return madvise(hva, PG, MADV_POPULATE_READ);
}

static int call_populate_write(uint8_t *hva)
{
	return madvise(hva, PG, MADV_POPULATE_WRITE);
}

static int call_dontneed(uint8_t *hva)
{
	return madvise(hva, PG, MADV_DONTNEED);
}

static int call_mlock(uint8_t *hva)
{
	int ret = mlock(hva, PG), err = errno;

	/* A failed mlock() still marks the mapping. */
	munlock(hva, PG);
	errno = err;
	return ret;
}

static const struct {
	const char *name;
	int (*call)(uint8_t *hva);
	int err; /* on a private page; 0: success */
} accesses[] = {
	{ "read() into it", call_read, EFAULT },
	{ "write() from it", call_write, EFAULT },
	{ "process_vm_readv()", call_readv, EFAULT },
	{ "process_vm_writev()", call_writev, EFAULT },
	{ "MADV_POPULATE_READ", call_populate_read, EFAULT },
	{ "MADV_POPULATE_WRITE", call_populate_write, EFAULT },
	{ "mlock()", call_mlock, ENOMEM },
	{ "MADV_DONTNEED", call_dontneed, 0 },
};

static void expect_access(struct gm_fixture *w, uint64_t page, bool private)
{
	uint8_t *hva = w->hva + page * PG;
	uint64_t word = 0;

	GM_EXPECT(ip_load(hva, &word) == !private, "page %lu %s: the load %s", page,
		  private ? "private" : "shared", private ? "succeeded" : "was SIGBUS");
	GM_EXPECT(ip_store(hva, word) == !private, "page %lu %s: the store %s", page,
		  private ? "private" : "shared", private ? "succeeded" : "was SIGBUS");
	for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		if (private && accesses[i].err)
			GM_EXPECT_ERRNO(accesses[i].err, accesses[i].call(hva),
					"%s, page %lu, private", accesses[i].name, page);
		else
			GM_EXPECT_OK(accesses[i].call(hva), "%s, page %lu", accesses[i].name, page);
	}
	if (!private) {
		/* read() and process_vm_writev() have changed the first word. */
		gm_fixture_host_write(w, ip_gfn(w, page), 1);
	} else {
		GM_EXPECT(!ip_present(hva), "page %lu, private, is in the host's page tables",
			  page);
	}
}

IP_CASES(
	each_access, v, "conv.inplace_host.each_way",
	"loads, stores, system calls, madvise and mlock on a page that becomes private, and shared again",
	.needs = GM_NEEDS(GMEM_GUP), .flags = GM_REFUSAL, .caps = GM_CAPS(CAP_IPC_LOCK))
{
	static const uint64_t page[] = { 0, 17, NPAGES - 1 };
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);

	ip_all_shared(w);
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < 3; i++) {
			expect_access(w, page[i], false);
			ip_convert(w, page[i], 1, true, "one page");
			expect_access(w, page[i], true);
			ip_convert(w, page[i], 1, false, "one page");
			expect_access(w, page[i], false);
		}
		ip_convert(w, 0, NPAGES, true, "all");
		for (int i = 0; i < 3; i++)
			expect_access(w, page[i], true);
		ip_expect_all(w, "all private");
		ip_convert(w, 0, NPAGES, false, "all");
		ip_expect_all(w, "all shared");
	}
	gm_promise(call_populate_write(w->hva) == 0, "MADV_POPULATE_WRITE of a shared page: %s",
		   gm_errno_name(errno));
	gm_fixture_free(w);
}

IP_CASES(
	new_views, v, "conv.inplace_host.new_mapping",
	"mappings made while pages are private, of one page or of all: SIGBUS on private pages only")
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	uint64_t word;
	uint8_t *view;

	ip_striped(w);
	view = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, w->gmem, 0);
	GM_GRANTED(view != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	for (uint64_t i = 0; i < NPAGES; i++) {
		bool private = gm_model_private(w->model, ip_gfn(w, i));
		uint8_t *one = mmap(NULL, PG, PROT_READ, MAP_SHARED, w->gmem, i * PG);

		GM_GRANTED(one != MAP_FAILED, "mmap of page %lu: %s", i, gm_errno_name(errno));
		GM_EXPECT(ip_load(view + i * PG, &word) == !private,
			  "page %lu of a new mapping of the file is not %s", i,
			  private ? "private" : "shared");
		GM_EXPECT(ip_load(one, &word) == !private,
			  "page %lu in a mapping of one page is not %s", i,
			  private ? "private" : "shared");
		munmap(one, PG);
	}
	munmap(view, SIZE);
	gm_fixture_free(w);
}
