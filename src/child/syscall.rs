//! System calls by number. Errors are returned by value: libc's wrappers would write `errno`, which is
//! thread-local storage of the suspended parent thread.

/// A positive error number, as in `errno(3)`.
pub type Errno = i32;

/// One system call.
///
/// # Safety
/// The arguments must be what `number` expects: pointers valid for what the kernel reads and writes through them.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub unsafe fn raw(number: libc::c_long, args: [usize; 6]) -> isize {
    let result: isize;
    let [a, b, c, d, e, f] = args;
    // SAFETY: the kernel clobbers rcx and r11 only; what it does with memory is the caller's contract.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// One system call.
///
/// # Safety
/// The arguments must be what `number` expects: pointers valid for what the kernel reads and writes through them.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub unsafe fn raw(number: libc::c_long, args: [usize; 6]) -> isize {
    let result: isize;
    let [a, b, c, d, e, f] = args;
    // SAFETY: the kernel clobbers x0 only; what it does with memory is the caller's contract.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    result
}

/// One system call, its result split into value and error number.
///
/// # Safety
/// As [`raw`].
#[inline(always)]
pub unsafe fn call(number: libc::c_long, args: [usize; 6]) -> Result<usize, Errno> {
    // SAFETY: the caller's contract.
    let result = unsafe { raw(number, args) };
    if (-4095..0).contains(&result) { Err(result.unsigned_abs() as Errno) } else { Ok(result as usize) }
}

/// The kernel's `struct clone_args`, as of Linux 5.7 (`CLONE_ARGS_SIZE_VER2`).
#[repr(C, align(8))]
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs)]
pub struct CloneArgs {
    pub flags: u64,
    pub pidfd: u64,
    pub child_tid: u64,
    pub parent_tid: u64,
    pub exit_signal: u64,
    pub stack: u64,
    pub stack_size: u64,
    pub tls: u64,
    pub set_tid: u64,
    pub set_tid_size: u64,
    pub cgroup: u64,
}

/// `clone3(2)` into `entry(argument)` on the stack that `args` names. Returns in the caller only.
///
/// A C function cannot do this: after `CLONE_VM` on a new stack there is no frame to return to.
///
/// # Safety
/// `args.stack` must be memory of `args.stack_size` bytes (a multiple of 16) that nobody else uses until the child
/// has exec'ed or died; `entry` must never return; `argument` must be valid for it.
#[cfg(target_arch = "x86_64")]
pub unsafe fn clone3(
    args: &CloneArgs,
    entry: unsafe extern "C" fn(*mut core::ffi::c_void) -> !,
    argument: *mut core::ffi::c_void,
) -> Result<usize, Errno> {
    let result: isize;
    // SAFETY: the child starts with a copy of the registers and rsp at the top of its own stack, so `call` leaves
    // it aligned as the ABI wants; the caller's frame is untouched, and everything else is the caller's contract.
    unsafe {
        core::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 as isize => result,
            in("rdi") args as *const CloneArgs,
            in("rsi") size_of::<CloneArgs>(),
            in("r12") argument,
            in("r13") entry,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    if result < 0 { Err(result.unsigned_abs() as Errno) } else { Ok(result as usize) }
}

/// `clone3(2)` into `entry(argument)` on the stack that `args` names. Returns in the caller only.
///
/// # Safety
/// `args.stack` must be memory of `args.stack_size` bytes (a multiple of 16) that nobody else uses until the child
/// has exec'ed or died; `entry` must never return; `argument` must be valid for it.
#[cfg(target_arch = "aarch64")]
pub unsafe fn clone3(
    args: &CloneArgs,
    entry: unsafe extern "C" fn(*mut core::ffi::c_void) -> !,
    argument: *mut core::ffi::c_void,
) -> Result<usize, Errno> {
    let result: isize;
    // SAFETY: as for x86_64; the link register is cleared, so a debugger's unwinder ends here.
    unsafe {
        core::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x20",
            "blr x21",
            "brk 1",
            "2:",
            in("x8") libc::SYS_clone3,
            inlateout("x0") args as *const CloneArgs as isize => result,
            in("x1") size_of::<CloneArgs>(),
            in("x20") argument,
            in("x21") entry,
            lateout("x30") _,
        );
    }
    if result < 0 { Err(result.unsigned_abs() as Errno) } else { Ok(result as usize) }
}

/// `clone(2)`, for a kernel or a seccomp filter (Docker's) that answers `clone3` with ENOSYS. Same contract; it
/// knows neither `CLONE_CLEAR_SIGHAND` nor `CLONE_INTO_CGROUP` nor `CLONE_NEWTIME`, and takes the place of the
/// pidfd in `parent_tid`.
///
/// # Safety
/// As [`clone3`].
#[cfg(target_arch = "x86_64")]
pub unsafe fn clone_legacy(
    args: &CloneArgs,
    entry: unsafe extern "C" fn(*mut core::ffi::c_void) -> !,
    argument: *mut core::ffi::c_void,
) -> Result<usize, Errno> {
    let top = args.stack.wrapping_add(args.stack_size);
    let result: isize;
    // SAFETY: as in clone3.
    unsafe {
        core::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone as isize => result,
            in("rdi") (args.flags as u32 as u64) | args.exit_signal,
            in("rsi") top,
            in("rdx") args.pidfd,
            in("r10") 0usize,
            in("r8") 0usize,
            in("r12") argument,
            in("r13") entry,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    if result < 0 { Err(result.unsigned_abs() as Errno) } else { Ok(result as usize) }
}

/// `clone(2)`: see the x86_64 twin. On arm64 the fourth argument is `tls`, the fifth `child_tid`.
///
/// # Safety
/// As [`clone3`].
#[cfg(target_arch = "aarch64")]
pub unsafe fn clone_legacy(
    args: &CloneArgs,
    entry: unsafe extern "C" fn(*mut core::ffi::c_void) -> !,
    argument: *mut core::ffi::c_void,
) -> Result<usize, Errno> {
    let top = args.stack.wrapping_add(args.stack_size);
    let result: isize;
    // SAFETY: as in clone3.
    unsafe {
        core::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x20",
            "blr x21",
            "brk 1",
            "2:",
            in("x8") libc::SYS_clone,
            inlateout("x0") ((args.flags as u32 as u64) | args.exit_signal) as isize => result,
            in("x1") top,
            in("x2") args.pidfd,
            in("x3") 0usize,
            in("x4") 0usize,
            in("x20") argument,
            in("x21") entry,
            lateout("x30") _,
        );
    }
    if result < 0 { Err(result.unsigned_abs() as Errno) } else { Ok(result as usize) }
}
