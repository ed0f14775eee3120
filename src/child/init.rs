//! Pid 1 of a container: a static program of its own, built by `build.rs`, executed from a sealed memory file.
//!
//! The kernel gives pid 1 two duties. Orphans are its children, and stay zombies until it waits for them. And a
//! signal that it has no handler for is dropped, so a command that is pid 1 cannot be ended by SIGTERM. Init takes
//! both: it reaps everybody, forwards signals to the payload, and tells the parent the payload's exact wait status.
//! When the parent process is gone, in whatever way, it exits, and the kernel kills all that is in the namespace.
//!
//! It starts with every signal blocked (a blocked signal is delivered to pid 1 even when its disposition would drop
//! it, and `signalfd` reads it), and with two descriptors:
//! - 3, the status pipe: four bytes, the payload's wait status;
//! - 4, the lifeline: hangs up when the parent process is gone.
//!
//! Its argument is the payload's pid.
#![no_std]
#![no_main]

const STATUS: usize = 3;
const LIFELINE: i32 = 4;

const SIGCHLD: u32 = 17;
const SIGSTOP: usize = 19;
const SIGTSTP: u32 = 20;
const SI_QUEUE: i32 = -1;
/// SIGSTOP cannot be blocked, so it would stop init and not the payload. The parent queues SIGTSTP with this value.
const STOP_REQUEST: i32 = 0x73746f70;

const POLLIN: i16 = 1;
const WNOHANG: usize = 1;
const WALL: usize = 0x4000_0000;
const SFD_CLOEXEC: usize = 0o2_000_000;
const PR_SET_NAME: usize = 15;

#[cfg(target_arch = "x86_64")]
mod nr {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const PRCTL: usize = 157;
    pub const EXIT_GROUP: usize = 231;
    pub const PPOLL: usize = 271;
    pub const SIGNALFD4: usize = 289;
}

#[cfg(target_arch = "aarch64")]
mod nr {
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const PPOLL: usize = 73;
    pub const SIGNALFD4: usize = 74;
    pub const EXIT_GROUP: usize = 94;
    pub const KILL: usize = 129;
    pub const PRCTL: usize = 167;
    pub const WAIT4: usize = 260;
}

// The kernel starts a program with the argument count at the stack pointer, not in a register.
#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {main}",
    "ud2",
    main = sym main,
);

#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, sp",
    "bl {main}",
    "brk 1",
    main = sym main,
);

#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    revents: i16,
}

/// `struct signalfd_siginfo`: 128 bytes, of which these matter.
#[repr(C, align(8))]
struct SignalInfo {
    signal: u32,
    errno: i32,
    code: i32,
    pid: u32,
    uid: u32,
    fd: i32,
    timer: u32,
    band: u32,
    overrun: u32,
    trap: u32,
    status: i32,
    value: i32,
    rest: [u64; 10],
}

/// # Safety
/// Called by `_start` only, with the initial stack pointer.
unsafe extern "C" fn main(stack: *const *const u8) -> ! {
    // SAFETY: the kernel lays out argc, then argv; the parent always passes two arguments.
    let payload = decimal(unsafe { *stack.add(2) });
    syscall(nr::PRCTL, [PR_SET_NAME, c"container-init".as_ptr() as usize, 0, 0, 0]);
    let every = u64::MAX;
    let mask = &raw const every as usize;
    let signals = syscall(nr::SIGNALFD4, [usize::MAX, mask, size_of::<u64>(), SFD_CLOEXEC, 0]);
    if signals < 0 {
        exit(1);
    }
    loop {
        reap(payload);
        let mut polled = [
            PollFd { fd: signals as i32, events: POLLIN, revents: 0 },
            PollFd { fd: LIFELINE, events: 0, revents: 0 },
        ];
        syscall(nr::PPOLL, [polled.as_mut_ptr() as usize, polled.len(), 0, 0, 0]);
        let [signal, lifeline] = &polled;
        if lifeline.revents != 0 {
            exit(1);
        }
        if signal.revents != 0 {
            forward(signals as usize, payload);
        }
    }
}

/// Wait for everybody who has ended. The payload's end is the container's.
fn reap(payload: usize) {
    loop {
        let mut status = 0i32;
        let place = &raw mut status as usize;
        let pid = syscall(nr::WAIT4, [usize::MAX, place, WNOHANG | WALL, 0, 0]);
        if pid <= 0 {
            return;
        }
        if pid as usize == payload {
            syscall(nr::WRITE, [STATUS, place, size_of::<i32>(), 0, 0]);
            let signalled = status & 0x7f;
            exit(if signalled == 0 { (status >> 8 & 0xff) as usize } else { 128 + signalled as usize });
        }
    }
}

fn forward(signals: usize, payload: usize) {
    let mut info = SignalInfo {
        signal: 0,
        errno: 0,
        code: 0,
        pid: 0,
        uid: 0,
        fd: 0,
        timer: 0,
        band: 0,
        overrun: 0,
        trap: 0,
        status: 0,
        value: 0,
        rest: [0; 10],
    };
    let read = syscall(nr::READ, [signals, &raw mut info as usize, size_of::<SignalInfo>(), 0, 0]);
    if read != size_of::<SignalInfo>() as isize || info.signal == SIGCHLD {
        return;
    }
    let stop = info.signal == SIGTSTP && info.code == SI_QUEUE && info.value == STOP_REQUEST && info.pid == 0;
    syscall(nr::KILL, [payload, if stop { SIGSTOP } else { info.signal as usize }, 0, 0, 0]);
}

fn decimal(text: *const u8) -> usize {
    let mut value = 0usize;
    let mut place = text;
    loop {
        // SAFETY: the parent's argument is NUL-terminated.
        let byte = unsafe { *place };
        if !byte.is_ascii_digit() {
            return value;
        }
        value = value.wrapping_mul(10).wrapping_add((byte - b'0') as usize);
        place = place.wrapping_add(1);
    }
}

fn exit(code: usize) -> ! {
    loop {
        syscall(nr::EXIT_GROUP, [code, 0, 0, 0, 0]);
    }
}

#[cfg(target_arch = "x86_64")]
fn syscall(number: usize, [a, b, c, d, e]: [usize; 5]) -> isize {
    let result: isize;
    // SAFETY: every pointer passed here is to the caller's own frame or to a constant.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

#[cfg(target_arch = "aarch64")]
fn syscall(number: usize, [a, b, c, d, e]: [usize; 5]) -> isize {
    let result: isize;
    // SAFETY: every pointer passed here is to the caller's own frame or to a constant.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e,
            options(nostack),
        );
    }
    result
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(1)
}
