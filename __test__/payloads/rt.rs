//! What a static program without libc needs: an entry point, system calls, and output.

use core::arch::{asm, global_asm};

/// System call numbers: (x86-64, arm64).
#[allow(dead_code)]
pub mod nr {
    const fn pick(x86_64: usize, aarch64: usize) -> usize {
        if cfg!(target_arch = "x86_64") { x86_64 } else { aarch64 }
    }
    pub const READ: usize = pick(0, 63);
    pub const WRITE: usize = pick(1, 64);
    pub const CLOSE: usize = pick(3, 57);
    pub const MMAP: usize = pick(9, 222);
    pub const PREAD64: usize = pick(17, 67);
    pub const CLONE: usize = pick(56, 220);
    pub const NANOSLEEP: usize = pick(35, 101);
    pub const GETCWD: usize = pick(79, 17);
    pub const CHDIR: usize = pick(80, 49);
    pub const PRCTL: usize = pick(157, 167);
    pub const CHROOT: usize = pick(161, 51);
    pub const GETDENTS64: usize = pick(217, 61);
    pub const CLOCK_GETTIME: usize = pick(228, 113);
    pub const EXIT_GROUP: usize = pick(231, 94);
    pub const OPENAT: usize = pick(257, 56);
    pub const MKDIRAT: usize = pick(258, 34);
    pub const RENAMEAT2: usize = pick(316, 276);
}

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {start}",
    start = sym start
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, sp",
    "bl {start}",
    start = sym start
);

unsafe extern "C" fn start(stack: *const usize) -> ! {
    let count = *stack;
    let args = Args { count, first: stack.add(1).cast() };
    exit(crate::main(args))
}

/// The command line: zero-terminated strings, straight from the stack.
#[derive(Clone, Copy)]
pub struct Args {
    count: usize,
    first: *const *const u8,
}

impl Args {
    pub fn get(&self, index: usize) -> Option<*const u8> {
        if index < self.count { Some(unsafe { *self.first.add(index) }) } else { None }
    }

    #[allow(dead_code)]
    pub fn is(&self, index: usize, wanted: &[u8]) -> bool {
        match self.get(index) {
            Some(text) => bytes(text) == wanted,
            None => false,
        }
    }

    #[allow(dead_code)]
    pub fn number(&self, index: usize) -> usize {
        let mut value = 0usize;
        if let Some(text) = self.get(index) {
            for digit in bytes(text) {
                value = value.wrapping_mul(10).wrapping_add(digit.wrapping_sub(b'0') as usize);
            }
        }
        value
    }
}

/// The bytes of a zero-terminated string.
pub fn bytes(text: *const u8) -> &'static [u8] {
    unsafe { core::slice::from_raw_parts(text, strlen(text)) }
}

#[cfg(target_arch = "x86_64")]
pub fn call(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    let result: isize;
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a, in("rsi") b, in("rdx") c,
            in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}
#[cfg(target_arch = "aarch64")]
pub fn call(number: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    let result: isize;
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => result, in("x1") b, in("x2") c,
            in("x3") d, in("x4") e, in("x5") f, options(nostack));
    }
    result
}

pub fn exit(code: i32) -> ! {
    loop {
        call(nr::EXIT_GROUP, code as usize, 0, 0, 0, 0, 0);
    }
}

/// `openat` relative to the working directory; O_CLOEXEC is the caller's affair.
#[allow(dead_code)]
pub fn open(path: *const u8, flags: usize) -> isize {
    call(nr::OPENAT, -100isize as usize, path as usize, flags, 0o644, 0, 0)
}

pub fn write(fd: usize, text: &[u8]) -> isize {
    call(nr::WRITE, fd, text.as_ptr() as usize, text.len(), 0, 0, 0)
}

#[allow(dead_code)]
pub fn print_number(fd: usize, number: usize) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        unsafe { *digits.as_mut_ptr().add(at) = b'0' + (rest % 10) as u8 };
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let text = unsafe { core::slice::from_raw_parts(digits.as_ptr().add(at), digits.len() - at) };
    write(fd, text);
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(121)
}

// The compiler may turn a loop into a call of these, and there is no libc to have them.
#[no_mangle]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    while core::ptr::read_volatile(text.add(length)) != 0 {
        length += 1;
    }
    length
}
#[no_mangle]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    for at in 0..count {
        core::ptr::write_volatile(to.add(at), core::ptr::read_volatile(from.add(at)));
    }
    to
}
#[no_mangle]
unsafe extern "C" fn memset(to: *mut u8, value: i32, count: usize) -> *mut u8 {
    for at in 0..count {
        core::ptr::write_volatile(to.add(at), value as u8);
    }
    to
}
#[no_mangle]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for at in 0..count {
        let (a, b) = (core::ptr::read_volatile(left.add(at)), core::ptr::read_volatile(right.add(at)));
        if a != b {
            return a as i32 - b as i32;
        }
    }
    0
}
#[no_mangle]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    memcmp(left, right, count)
}
