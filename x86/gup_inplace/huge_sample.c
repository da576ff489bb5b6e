// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample of the ways to reach a page, on private pages of whole and of split huge pages, and on
 * the shared pages beside them: gup.huge_file.
 */
#include <sys/mman.h>
#include <sys/uio.h>

#include "access/matrix.h"
#include "huge.h"
#include "pool.h"

GM_FILE(.clause = "gup.huge_file", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = GH_NEEDS, .caps = GM_CAPS_ALL)

/*
 * One or more for each path of the kernel. They do not change the mapping, nor the file, and do not
 * keep a reference.
 */
static const char *const sample[] = {
	"cpu_load",
	"cpu_store",
	"cpu_atomic",
	"write",
	"read",
	"writev",
	"readv",
	"pipe_write",
	"sendmsg",
	"recvmsg",
	"getrandom",
	"futex_wait",
	"path_string",
	"o_direct_write",
	"o_direct_read",
	"vmsplice",
	"vmsplice_tee",
	"uring_write",
	"uring_read",
	"uring_register",
	"uring_write_fixed",
	"process_vm_readv",
	"process_vm_writev",
	"process_vm_readv_child",
	"proc_mem_read",
	"proc_mem_read_force",
	"proc_mem_write",
	"proc_mem_write_force",
	"ptrace_peek",
	"ptrace_poke",
	"gup_hold",
	"gup_hold_write",
	"iommufd_read",
	"iommufd_write",
	"kvm_slot_load",
	"kvm_slot_store",
	"msg_zerocopy",
	"madv_populate_read",
	"madv_populate_write",
};

struct gm_fixture *gh_new(uint64_t n)
{
	struct gm_fixture *w =
		GM_FIXTURE(.size = n * GM_2M, .file_page = GM_2M, .starts_private = true,
			   .guest_page = GM_1G, .uaddr = GM_UADDR_NONE);

	gm_fixture_fill(w, 0, gh_gfn(w, 0), n * IN_ONE);
	return w;
}

bool gh_refuses_gup(struct gm_fixture *w, uint64_t p)
{
	static uint8_t buf[PG];
	struct gm_access a = { .probe = gm_probe_find("process_vm_readv"),
			       .hva = w->hva + p * PG,
			       .len = PG,
			       .fd = w->gmem,
			       .off = p * PG,
			       .buf = buf };
	struct gm_outcome o = gm_access_run(&a);

	return o.ret < 0 && o.err == EFAULT;
}

void gh_need_gup(struct gm_fixture *w, uint64_t p)
{
	if (!gh_refuses_gup(w, p))
		return;
	gm_fixture_free(w);
	gm_skip("GUP of shared pages is refused (P5)", "boot without gup_guest_memfd=0");
}

struct place {
	uint64_t page;
	unsigned int n;
	bool shared;
	const char *name;
};

/* The expected outcome. A kernel that refuses GUP checks the mapping before the pages. */
static struct gm_want want_at(const struct gm_probe *p, const struct place *at, bool nogup)
{
	const struct gm_want *refused = &p->want[GM_CLASS_SHARED_NOGUP];

	if (at->shared)
		return gm_access_want(p, nogup ? GM_CLASS_SHARED_NOGUP : GM_CLASS_SHARED);
	if (nogup && p->path == GM_PATH_MM && refused->kind == GM_WANT_ERRNO)
		return *refused;
	return gm_access_want(p, GM_CLASS_PRIVATE);
}

static void probe_at(struct gm_fixture *w, const struct gm_probe *p, const struct place *at,
		     bool nogup, uint8_t *buf)
{
	struct gm_access a = { .probe = p,
			       .hva = w->hva + at->page * PG,
			       .len = at->n * PG,
			       .fd = w->gmem,
			       .off = at->page * PG,
			       .buf = buf };
	struct gm_want want = want_at(p, at, nogup);
	struct gm_page page = gm_vm_page(w->vm, GPA(gh_gfn(w, at->page)));
	struct gm_outcome o;

	gm_matrix_poison(buf, a.len);
	o = gm_access_run(&a);
	gm_matrix_judge(&a, &o, &want, &page, at->name);
	if (!at->shared)
		gm_matrix_search(buf, a.len, p->name);
	/* What was written into shared pages is not the guest's. */
	else
		gm_fixture_fill(w, 0, gh_gfn(w, at->page), at->n);
}

/*
 * Huge page 0 is whole and private. Of 1 a page is shared, and its neighbours are private. Of 2 a
 * page is private, and its neighbours are shared. 3 was split, and is private again.
 */
static const struct place places[] = {
	{ 300, 1, false, "a whole huge page" },
	{ IN_ONE - 1, 1, false, "the last page of a whole huge page" },
	{ IN_ONE + 99, 1, false, "below the shared page" },
	{ IN_ONE + 100, 1, true, "the shared page" },
	{ IN_ONE + 101, 2, false, "above the shared page" },
	{ 2 * IN_ONE + 199, 1, true, "below the private page" },
	{ 2 * IN_ONE + 200, 1, false, "the private page" },
	{ 2 * IN_ONE + 201, 1, true, "above the private page" },
	{ 3 * IN_ONE, 2, false, "a huge page that is private again" },
};

static struct gm_fixture *four(void)
{
	struct gm_fixture *w = gh_new(4);

	gm_fixture_convert(w, gh_gfn(w, IN_ONE + 100), 1, false);
	gm_fixture_convert(w, gh_gfn(w, 2 * IN_ONE), IN_ONE, false);
	gm_fixture_convert(w, gh_gfn(w, 3 * IN_ONE), 10, false);
	/* The host has used what becomes private. */
	gm_fixture_host_write(w, gh_gfn(w, 0), 4 * IN_ONE);
	gm_fixture_convert(w, gh_gfn(w, 2 * IN_ONE + 200), 1, true);
	gm_fixture_convert(w, gh_gfn(w, 3 * IN_ONE), IN_ONE, true);
	gm_fixture_fill(w, 0, gh_gfn(w, 0), 4 * IN_ONE);
	return w;
}

/* The pages that the host has in its page tables must be shared. */
static void expect_unmapped(struct gm_fixture *w, const char *when)
{
	uint64_t wrong = 0;

	for (uint64_t p = 0; p < 4 * IN_ONE; p++)
		wrong += gm_model_private(w->model, gh_gfn(w, p)) && gm_pfn_of(w->hva + p * PG);
	GM_EXPECT_EQ(wrong, 0, "%s: private pages in the host's page tables", when);
}

GM_CASE(all, .name = "gup.huge_file.sample", .huge_2m = 4, .flags = GM_REFUSAL, .timeout = 180,
	.tokens = GM_TOKEN_IOMMU,
	.text = "39 access paths: private pages of whole and split huge pages are refused, shared ones beside them reached, or by GUP refused too (P5)")
{
	struct gm_fixture *w = four();
	uint8_t *buf = gm_matrix_buf(2 * PG);
	bool nogup = gh_refuses_gup(w, IN_ONE + 100);
	unsigned int ran = 0;

	if (nogup)
		gm_note("GUP of shared pages is refused (P5): expected of every probe");
	for (size_t i = 0; i < ARRAY_SIZE(sample); i++) {
		const struct gm_probe *p = gm_probe_find(sample[i]);

		GM_SETUP(p, "no probe %s", sample[i]);
		if (!gm_matrix_needs(p->needs)) {
			gm_note("%s did not run: a need is missing", p->name);
			continue;
		}
		ran++;
		gm_matrix_control(p);
		for (size_t k = 0; k < ARRAY_SIZE(places); k++)
			probe_at(w, p, &places[k], nogup, buf);
	}
	gm_note("%u probes", ran);
	gm_fixture_check_guest(w, 0, gh_gfn(w, 0), 4 * IN_ONE, 8, "after the probes");
	expect_unmapped(w, "after the probes");
	/* No probe has left a reference; those that end asynchronously may have one for a moment. */
	GM_EXPECT_OK(__gm_convert_retry(w->vm, w->gpa, 4 * GM_2M, true));
	gm_model_convert(w->model, gh_gfn(w, 0), 4 * IN_ONE, true);
	gm_fixture_punch(w, gh_gfn(w, 0), 4 * IN_ONE);
	munmap(buf, 2 * PG);
	gm_fixture_free(w);
}

/* A request for whole pages that goes on into private ones stops there, to the byte. */
static void cross(struct gm_fixture *w, uint64_t border, size_t below, size_t above)
{
	uint8_t *hva = w->hva + border * PG - below, *got = gm_matrix_buf(below + above);
	struct iovec local = { got, below + above }, remote = { hva, below + above };
	int fd = GM_SETUP_OK(memfd_create("gm-cross", MFD_CLOEXEC));
	long ret;

	/* From the pages: by copy_from_user(), and by GUP. */
	memset(got, 0x5a, below + above);
	ret = pwrite(fd, hva, below + above, 0);
	GM_EXPECT(ret == (long)below, "write() of %zu shared and %zu private bytes: %ld (%s)",
		  below, above, ret, gm_errno_name(errno));
	GM_EXPECT(pread(fd, got, below + above, 0) == (long)below && !memcmp(got, hva, below),
		  "write() of %zu bytes wrote other bytes", below);
	memset(got, 0x5a, below + above);
	ret = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	GM_EXPECT(ret == (long)below && !memcmp(got, hva, below),
		  "process_vm_readv() of %zu shared and %zu private bytes: %ld (%s)", below, above,
		  ret, gm_errno_name(errno));
	for (size_t i = below; i < below + above; i++)
		if (!GM_EXPECT(got[i] == 0x5a, "byte %zu after the border was read: %#x", i - below,
			       got[i]))
			break;
	gm_matrix_search(got + below, above, "process_vm_readv");

	/* Into the pages, the same bytes again: no private byte may change. */
	GM_SETUP_OK(ftruncate(fd, 0));
	memcpy(got, hva, below);
	memset(got + below, 0xa5, above);
	GM_SETUP(pwrite(fd, got, below + above, 0) == (long)(below + above), "a memfd");
	ret = pread(fd, hva, below + above, 0);
	GM_EXPECT(ret == (long)below, "read() into %zu shared and %zu private bytes: %ld (%s)",
		  below, above, ret, gm_errno_name(errno));
	ret = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	GM_EXPECT(ret == (long)below,
		  "process_vm_writev() to %zu shared and %zu private bytes: %ld (%s)", below, above,
		  ret, gm_errno_name(errno));
	close(fd);
	munmap(got, below + above);
}

GM_CASE(border, .name = "gup.huge_file.border", .huge_2m = 4, .flags = GM_REFUSAL,
	.text = "requests from shared into private pages, inside a huge page and into the next one: they end at the byte")
{
	static const struct {
		size_t below, above;
	} part[] = { { 1, 1 }, { 100, PG }, { PG, PG }, { PG - 1, 2 }, { 3000, 5000 } };
	struct gm_fixture *w = four();
	/* The end of a page, and of a huge page: a whole private one is above. */
	const uint64_t at[] = { IN_ONE + 101, 2 * IN_ONE + 200, 3 * IN_ONE };
	int fd;

	gh_need_gup(w, IN_ONE + 100);
	/* The same length without a border in it. */
	fd = GM_SETUP_OK(memfd_create("gm-control", MFD_CLOEXEC));
	gm_control(pwrite(fd, w->hva + 2 * GM_2M + 3 * PG - 3000, 8000, 0) == 8000,
		   "write() of shared pages: %s", gm_errno_name(errno));
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		for (size_t k = 0; k < ARRAY_SIZE(part); k++) {
			/* The shared page of huge page 1 is alone. */
			if (i || part[k].below <= PG)
				cross(w, at[i], part[k].below, part[k].above);
		}
	gm_fixture_check_guest(w, 0, gh_gfn(w, 0), 4 * IN_ONE, 1, "after the requests");
	expect_unmapped(w, "after the requests");
	gm_fixture_free(w);
}
