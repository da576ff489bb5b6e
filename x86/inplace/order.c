// SPDX-License-Identifier: GPL-2.0-only
/* Which of several errors in one call is returned, and which come before the argument is read. */
#include <linux/ioctl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "inplace.h"

GM_FILE(.clause = "conv.inplace_order", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define SIZE (64 * PG)
#define HELD 5

/* In the order of the kernel's checks; each is one change of a legal conversion of the file. */
enum error {
	COMMAND, /* not a command of the file */
	POINTER, /* the end of the argument is unreadable */
	FLAGS,
	RESERVED,
	KIND, /* a file of a VM without private memory */
	ATTRIBUTES,
	SIZE_ZERO,
	WRAP,
	UNALIGNED,
	PAST_END,
	BUSY,	   /* a page in use */
	READ_ONLY, /* the argument is read-only: matters only if error_offset is written */
	NR_ERRORS,
};

static const struct {
	const char *name;
	int err; /* 0: no error alone */
} errors[NR_ERRORS] = {
	[COMMAND] = { "another command", ENOTTY },
	[POINTER] = { "an argument that cannot be read", EFAULT },
	[FLAGS] = { "a flag", EINVAL },
	[RESERVED] = { "a reserved word", EINVAL },
	[KIND] = { "a VM without private memory", EINVAL },
	[ATTRIBUTES] = { "an unknown attribute", EINVAL },
	[SIZE_ZERO] = { "size 0", EINVAL },
	[WRAP] = { "a wrapping range", EINVAL },
	[UNALIGNED] = { "an unaligned offset", EINVAL },
	[PAST_END] = { "a range past the end", EINVAL },
	[BUSY] = { "a page in use", EAGAIN },
	[READ_ONLY] = { "a read-only argument", 0 },
};

struct files {
	int free, busy, ordinary;
};

/* Makes an error in the argument. With two errors in one field the later one wins. */
static void spoil(struct gm_memory_attributes2 *arg, enum error f)
{
	switch (f) {
	case FLAGS:
		arg->flags = 1;
		break;
	case RESERVED:
		arg->reserved[0] = 1;
		break;
	case ATTRIBUTES:
		arg->attributes |= 1;
		break;
	case SIZE_ZERO:
		arg->size = 0;
		break;
	case WRAP:
		arg->offset = -PG;
		break;
	case UNALIGNED:
		arg->offset |= 8;
		break;
	case PAST_END:
		arg->offset |= SIZE;
		break;
	default:
		break;
	}
}

/* One call with both errors. `area`: two pages, the second inaccessible. */
static int call(const struct files *file, uint8_t *area, enum error a, enum error b)
{
	bool has[NR_ERRORS] = { 0 };
	int fd;
	unsigned long cmd = GM_SET_MEMORY_ATTRIBUTES2;
	struct gm_memory_attributes2 arg = ip_arg(0, SIZE, true), *at = (void *)area;
	size_t len = sizeof(arg);
	int ret, err;

	has[a] = has[b] = true;
	fd = has[KIND] ? file->ordinary : has[BUSY] ? file->busy : file->free;
	cmd += has[COMMAND];
	/* The last eight bytes are unreadable. */
	len -= has[POINTER] ? 8 : 0;
	spoil(&arg, a);
	spoil(&arg, b);
	if (has[POINTER])
		at = (void *)(area + PG - len);
	memcpy(at, &arg, len);
	if (has[READ_ONLY])
		GM_SETUP_OK(mprotect(area, PG, PROT_READ));
	ret = GM_CALL("KVM_SET_MEMORY_ATTRIBUTES2", ioctl(fd, cmd, at));
	err = errno;
	if (has[READ_ONLY])
		GM_SETUP_OK(mprotect(area, PG, PROT_READ | PROT_WRITE));
	GM_EXPECT(!memcmp(at, &arg, len) || err == EAGAIN, "%s and %s: the argument changed",
		  errors[a].name, errors[b].name);
	errno = err;
	return ret;
}

static uint8_t *argument_area(void)
{
	uint8_t *area =
		mmap(NULL, 2 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(area != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	GM_SETUP_OK(mprotect(area + PG, PG, PROT_NONE));
	return area;
}

GM_CASE(pairs, .name = "conv.inplace_order.pairs",
	.text = "each pair of errors in one call: the earlier check decides, and nothing changes",
	.needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, GUP_TEST), .flags = GM_REFUSAL)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE), *unused;
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT);
	uint8_t *area = argument_area();
	uint64_t held = HELD;
	struct files file;
	struct ip_hold h;

	unused = IP_FIXTURE(false, .size = SIZE);
	ip_all_shared(w);
	ip_all_shared(unused);
	file = (struct files){ unused->gmem, w->gmem, gm_gmem_new(vm, SIZE, 3) };
	ip_take(&h, &ip_gup_write, w, &held, 1);
	for (enum error a = 0; a < NR_ERRORS - 1; a++) {
		for (enum error b = a; b < NR_ERRORS; b++) {
			int want = errors[a].err;

			/* EAGAIN must write error_offset. */
			if (a == BUSY && b == READ_ONLY)
				want = EFAULT;
			GM_EXPECT_ERRNO(want, call(&file, area, a, b), "%s and %s", errors[a].name,
					errors[b].name);
		}
	}
	ip_expect_all(w, "after the refusals, a page in use");
	ip_expect_all(unused, "after the refusals");
	gm_promise(!call(&file, area, READ_ONLY, READ_ONLY), "a read-only argument alone: %s",
		   gm_errno_name(errno));
	ip_drop(&h);
	close(file.ordinary);
	gm_fixture_free(w);
	gm_fixture_free(unused);
	gm_vm_free(vm);
	munmap(area, 2 * PG);
}

GM_CASE(unreadable, .name = "conv.inplace_order.unreadable",
	.text = "an argument that is unreadable, as a whole or from any offset on: EFAULT, nothing changes",
	.flags = GM_REFUSAL)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct gm_memory_attributes2 arg = ip_arg(0, SIZE, true);
	uint8_t *area = argument_area();

	ip_striped(w);
	GM_EXPECT_ERRNO(EFAULT, ip_set(w->gmem, NULL));
	GM_EXPECT_ERRNO(EFAULT, ip_set(w->gmem, (void *)8UL));
	GM_EXPECT_ERRNO(EFAULT, ip_set(w->gmem, (void *)-8UL));
	GM_EXPECT_ERRNO(EFAULT, ip_set(w->gmem, (void *)(1UL << 63)));
	GM_EXPECT_ERRNO(EFAULT, ip_set(w->gmem, (void *)((1UL << 47) - PG)));
	GM_EXPECT_ERRNO(EFAULT, ip_set(w->gmem, (void *)(area + PG)));
	for (size_t readable = 1; readable < sizeof(arg); readable += readable % 8 == 7 ? 2 : 6) {
		void *at = area + PG - readable;

		memcpy(at, &arg, readable);
		GM_EXPECT_ERRNO(EFAULT, ip_set(w->gmem, at), "%zu bytes can be read", readable);
	}
	/* A private page of the file itself is unreadable, too. */
	GM_EXPECT_ERRNO(EFAULT, ip_set(w->gmem, (void *)(w->hva + PG)), "on a private page");
	ip_expect_all(w, "after the refusals");
	/* Up to the last byte of a page, and at an odd address. */
	memcpy(area + PG - sizeof(arg), &arg, sizeof(arg));
	gm_promise(!ip_set(w->gmem, (void *)(area + PG - sizeof(arg))), "up to the last byte: %s",
		   gm_errno_name(errno));
	gm_model_convert(w->model, GFN(w->gpa), PAGES(SIZE), true);
	ip_expect_all(w, "private");
	arg.attributes = 0;
	memcpy(area + 1, &arg, sizeof(arg));
	gm_promise(!ip_set(w->gmem, (void *)(area + 1)), "at an odd address: %s",
		   gm_errno_name(errno));
	gm_model_convert(w->model, GFN(w->gpa), PAGES(SIZE), false);
	ip_expect_all(w, "shared again");
	gm_fixture_free(w);
	munmap(area, 2 * PG);
}

GM_CASE(own_page, .name = "conv.inplace_order.argument_in_the_file",
	.text = "the argument is in a shared page of the file that it converts: the page becomes private")
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct gm_memory_attributes2 *arg = (void *)w->hva;
	uint64_t word;

	*arg = ip_arg(0, SIZE, true);
	GM_EXPECT_OK(ip_set(w->gmem, arg));
	GM_EXPECT(!ip_load(w->hva, &word), "the page is still shared");
	gm_model_convert(w->model, GFN(w->gpa), PAGES(SIZE), true);
	ip_expect_state(w, 0, PAGES(SIZE), "converted");
	gm_fixture_free(w);
}

/* --- conv.inplace_command --- */

GM_CASE(commands, .name = "conv.inplace_command.neighbours", .clause = "conv.inplace_command",
	.text = "commands next to it, of another size or direction: ENOTTY on the file",
	.flags = GM_REFUSAL)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct gm_memory_attributes2 arg;

	ip_striped(w);
	for (unsigned int nr = 0; nr < 256; nr++) {
		arg = ip_arg(0, SIZE, true);
		if (nr != 0xd2)
			GM_EXPECT_ERRNO(
				ENOTTY,
				ioctl(w->gmem, _IOC(_IOC_READ | _IOC_WRITE, 0xae, nr, 128), &arg),
				"number %#x", nr);
	}
	for (unsigned int size = 0; size < 512; size += size < 120 || size > 136 ? 8 : 1) {
		arg = ip_arg(0, SIZE, true);
		if (size != 128)
			GM_EXPECT_ERRNO(ENOTTY,
					ioctl(w->gmem,
					      _IOC(_IOC_READ | _IOC_WRITE, 0xae, 0xd2, size), &arg),
					"size %u", size);
	}
	for (unsigned int dir = 0; dir < 3; dir++) {
		arg = ip_arg(0, SIZE, true);
		GM_EXPECT_ERRNO(ENOTTY, ioctl(w->gmem, _IOC(dir, 0xae, 0xd2, 128), &arg),
				"direction %u", dir);
	}
	for (unsigned int type = 0xac; type < 0xb1; type++) {
		arg = ip_arg(0, SIZE, true);
		if (type != 0xae)
			GM_EXPECT_ERRNO(ENOTTY, ioctl(w->gmem, _IOC(3, type, 0xd2, 128), &arg),
					"type %#x", type);
	}
	/* Commands of the VM are not commands of the file. */
	arg = ip_arg(0, SIZE, true);
	GM_EXPECT_ERRNO(ENOTTY, ioctl(w->gmem, KVM_SET_MEMORY_ATTRIBUTES, &arg));
	GM_EXPECT_ERRNO(ENOTTY, ioctl(w->gmem, KVM_CHECK_EXTENSION, KVM_CAP_GUEST_MEMFD));
	ip_expect_all(w, "after the refusals");
	arg = ip_arg(0, SIZE, true);
	gm_promise(!ip_set(w->gmem, &arg), "the command itself: %s", gm_errno_name(errno));
	gm_fixture_free(w);
}

GM_CASE(vm_fd, .name = "conv.inplace_command.vm_fd", .clause = "conv.inplace_command",
	.text = "the command on the VM: ENOTTY, and no page changes", .flags = GM_REFUSAL)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct gm_memory_attributes2 arg;

	ip_striped(w);
	for (int private = 0; private < 2; private ++) {
		arg = ip_arg(0, SIZE, private);
		GM_EXPECT_ERRNO(ENOTTY, ip_set(w->vm->kvm->fd, &arg));
		/* With a gpa instead of an offset. */
		arg = ip_arg(w->gpa, SIZE, private);
		GM_EXPECT_ERRNO(ENOTTY, ip_set(w->vm->kvm->fd, &arg));
		arg = ip_arg(0, SIZE, private);
		GM_EXPECT(ip_set(w->vm->vcpu[0]->fd, &arg) == -1, "a vCPU accepted the command");
		GM_EXPECT(ip_set(w->vm->kvm->kvm_fd, &arg) == -1, "/dev/kvm accepted the command");
	}
	GM_EXPECT_ERRNO(ENOTTY, ip_set(w->vm->kvm->fd, NULL));
	ip_expect_all(w, "after the refusals");
	arg = ip_arg(0, SIZE, true);
	gm_promise(!ip_set(w->gmem, &arg), "on the file: %s", gm_errno_name(errno));
	gm_fixture_free(w);
}

static sigjmp_buf no_int80;

static void on_segv(int sig __attribute__((unused)))
{
	siglongjmp(no_int80, 1);
}

/* A 32-bit system call from 64-bit code; -errno. Numbers: arch/x86/entry/syscalls/syscall_32.tbl */
static long call32(long nr, unsigned long a, unsigned long b, unsigned long c)
{
	long ret;

	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "a"(nr), "b"(a), "c"(b), "d"(c)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

#define NR32_GETPID 20
#define NR32_IOCTL 54

GM_CASE(compat, .name = "conv.inplace_command.caller_32_bit", .clause = "conv.inplace_command",
	.text = "the command from 32-bit user space: ENOTTY", .flags = GM_REFUSAL)
{
	struct sigaction sa = { .sa_handler = on_segv }, old;
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct gm_memory_attributes2 *arg = mmap(NULL, PG, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	bool int80 = false;
	long ret;

	GM_SETUP(arg != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	ip_striped(w);
	GM_SETUP_OK(sigaction(SIGSEGV, &sa, &old));
	if (!sigsetjmp(no_int80, 1))
		int80 = call32(NR32_GETPID, 0, 0, 0) == getpid();
	GM_SETUP_OK(sigaction(SIGSEGV, &old, NULL));
	if (!int80)
		gm_skip("no 32-bit system calls", "a kernel with CONFIG_IA32_EMULATION=y");
	for (int private = 0; private < 2; private ++) {
		*arg = ip_arg(0, SIZE, private);
		ret = call32(NR32_IOCTL, w->gmem, GM_SET_MEMORY_ATTRIBUTES2, (uintptr_t)arg);
		GM_EXPECT(ret == -ENOTTY,
			  "ioctl of 32-bit user space: expected ENOTTY, observed %s",
			  ret < 0 ? gm_errno_name(-ret) : "success");
	}
	ip_expect_all(w, "after the refusals");
	*arg = ip_arg(0, SIZE, true);
	gm_promise(!ip_set(w->gmem, arg), "the same argument of 64-bit user space: %s",
		   gm_errno_name(errno));
	gm_fixture_free(w);
	munmap(arg, PG);
}
