//! One static program with the few tools that a root without any other file needs.
//!
//! probe cat FILE...        probe ls DIR         probe pwd            probe write FILE TEXT
//! probe sleep SECONDS      probe eat MIB        probe spin MS        probe open FILE
//! probe escape             probe flip A B       probe graze MIB      probe tick FILE
//! probe bomb MOST          probe direct-write FILE KIB               probe direct-read FILE
#![no_std]
#![no_main]

#[path = "rt.rs"]
mod rt;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use rt::{bytes, call, nr, Args};

const AT_FDCWD: usize = -100isize as usize;
const O_DIRECTORY: usize = if cfg!(target_arch = "aarch64") { 0o40000 } else { 0o200000 };
const O_DIRECT: usize = if cfg!(target_arch = "aarch64") { 0o200000 } else { 0o40000 };
const O_WRONLY_CREAT: usize = 0o101;
const O_TRUNC: usize = 0o1000;
const O_APPEND: usize = 0o2000;
const MONOTONIC: usize = 1;

fn complain(result: isize, what: *const u8) -> i32 {
    rt::write(2, b"errno ");
    rt::print_number(2, -result as usize);
    rt::write(2, b" ");
    rt::write(2, bytes(what));
    rt::write(2, b"\n");
    1
}

fn cat(args: Args) -> i32 {
    let mut at = 2;
    while let Some(path) = args.get(at) {
        let fd = rt::open(path, 0);
        if fd < 0 {
            return complain(fd, path);
        }
        let mut chunk = [0u8; 4096];
        loop {
            let got = call(nr::READ, fd as usize, chunk.as_mut_ptr() as usize, chunk.len(), 0, 0, 0);
            if got < 0 {
                return complain(got, path);
            }
            match chunk.get(..got as usize) {
                Some([]) | None => break,
                Some(text) => rt::write(1, text),
            };
        }
        at += 1;
    }
    0
}

fn ls(path: *const u8) -> i32 {
    let fd = rt::open(path, O_DIRECTORY);
    if fd < 0 {
        return complain(fd, path);
    }
    let mut entries = [0u8; 8192];
    loop {
        let got = call(nr::GETDENTS64, fd as usize, entries.as_mut_ptr() as usize, entries.len(), 0, 0, 0);
        if got <= 0 {
            return if got == 0 { 0 } else { complain(got, path) };
        }
        let mut at = 0usize;
        while at < got as usize {
            let entry = unsafe { entries.as_ptr().add(at) };
            let length = unsafe { entry.add(16).cast::<u16>().read_unaligned() };
            rt::write(1, bytes(unsafe { entry.add(19) }));
            rt::write(1, b"\n");
            at += length as usize;
        }
    }
}

fn pwd() -> i32 {
    let mut path = [0u8; 4096];
    let got = call(nr::GETCWD, path.as_mut_ptr() as usize, path.len(), 0, 0, 0, 0);
    if got < 0 {
        return complain(got, c"getcwd".as_ptr().cast());
    }
    rt::write(1, bytes(path.as_ptr()));
    rt::write(1, b"\n");
    0
}

fn write_file(path: *const u8, text: *const u8) -> i32 {
    let fd = rt::open(path, O_WRONLY_CREAT | O_TRUNC);
    if fd < 0 {
        return complain(fd, path);
    }
    let wrote = rt::write(fd as usize, bytes(text));
    if wrote < 0 { complain(wrote, path) } else { 0 }
}

fn sleep(seconds: usize) -> i32 {
    let time = [seconds, 0];
    call(nr::NANOSLEEP, time.as_ptr() as usize, 0, 0, 0, 0, 0);
    0
}

fn nap(ms: usize) {
    let time = [0, ms * 1_000_000];
    call(nr::NANOSLEEP, time.as_ptr() as usize, 0, 0, 0, 0, 0);
}

fn map(length: usize, flags: usize) -> isize {
    const PROT_READ_WRITE: usize = 3;
    const MAP_ANONYMOUS: usize = 0x20;
    call(nr::MMAP, 0, length, PROT_READ_WRITE, MAP_ANONYMOUS | flags, usize::MAX, 0)
}

/// Takes memory and touches every page of it.
fn eat(mib: usize) -> i32 {
    const MAP_PRIVATE: usize = 2;
    let length = mib << 20;
    let at = map(length, MAP_PRIVATE);
    if at < 0 && at > -4096 {
        return complain(at, c"mmap".as_ptr().cast());
    }
    let mut offset = 0;
    while offset < length {
        unsafe { core::ptr::write_volatile((at as usize + offset) as *mut u8, 1) };
        offset += 4096;
    }
    rt::write(1, b"ate\n");
    0
}

/// One byte of stdin, or its end.
fn next_byte() -> Option<u8> {
    let mut byte = 0u8;
    let got = call(nr::READ, 0, &raw mut byte as usize, 1, 0, 0, 0);
    if got == 1 { Some(byte) } else { None }
}

/// Eats once more for each byte that it reads, and keeps all of it.
fn graze(mib: usize) -> i32 {
    while next_byte().is_some() {
        let status = eat(mib);
        if status != 0 {
            return status;
        }
    }
    0
}

/// Makes a file longer for as long as it runs.
fn tick(path: *const u8) -> i32 {
    let fd = rt::open(path, O_WRONLY_CREAT | O_APPEND);
    if fd < 0 {
        return complain(fd, path);
    }
    loop {
        rt::write(fd as usize, b".");
        nap(2);
    }
}

/// What all processes of a fork bomb see.
#[repr(C)]
struct Bomb {
    tickets: AtomicUsize,
    born: AtomicUsize,
    refused: AtomicUsize,
    is_over: AtomicUsize,
}

/// Every process forks, and all of those fork, until there are `most` children; says how many there were, and how often
/// one was refused, when it is known. All end with stdin.
fn bomb(most: usize) -> i32 {
    const MAP_SHARED: usize = 1;
    const ENOUGH: usize = 100;
    let at = map(4096, MAP_SHARED);
    if at < 0 && at > -4096 {
        return complain(at, c"mmap".as_ptr().cast());
    }
    let bomb = unsafe { &*(at as *const Bomb) };
    let mut is_first = true;
    while bomb.is_over.load(SeqCst) == 0 {
        if is_first && (bomb.born.load(SeqCst) >= most || bomb.refused.load(SeqCst) >= ENOUGH) {
            break;
        }
        is_first &= !explode(bomb, most);
    }
    if is_first {
        rt::print_number(1, bomb.born.load(SeqCst));
        rt::write(1, b" ");
        rt::print_number(1, bomb.refused.load(SeqCst));
        rt::write(1, b"\n");
        while next_byte().is_some() {}
        bomb.is_over.store(1, SeqCst);
    }
    0
}

/// Tries to fork once. True in the child, which dies with its parent, whatever becomes of stdin.
fn explode(bomb: &Bomb, most: usize) -> bool {
    const SIGCHLD: usize = 17;
    if bomb.tickets.fetch_add(1, SeqCst) >= most {
        bomb.tickets.fetch_sub(1, SeqCst);
        nap(10);
        return false;
    }
    match call(nr::CLONE, SIGCHLD, 0, 0, 0, 0, 0) {
        0 => {
            die_with_parent();
            return true;
        }
        refused if refused < 0 => {
            bomb.tickets.fetch_sub(1, SeqCst);
            bomb.refused.fetch_add(1, SeqCst);
            nap(1);
        }
        _ => {
            bomb.born.fetch_add(1, SeqCst);
        }
    }
    false
}

fn die_with_parent() {
    const PR_SET_PDEATHSIG: usize = 1;
    const SIGKILL: usize = 9;
    call(nr::PRCTL, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
}

/// What can be read and written past the cache.
#[repr(C, align(4096))]
struct Block([u8; BLOCK]);
const BLOCK: usize = 65536;

/// Reads or writes so many bytes of a file, past the cache, and says how many milliseconds that took.
fn direct(path: *const u8, flags: usize, number: usize, most: usize) -> i32 {
    let fd = rt::open(path, flags | O_DIRECT);
    if fd < 0 {
        return complain(fd, path);
    }
    let mut block = Block([7; BLOCK]);
    let began = clock(MONOTONIC);
    let mut done = 0;
    while done < most {
        let moved = call(number, fd as usize, &raw mut block as usize, BLOCK, 0, 0, 0);
        if moved < 0 {
            return complain(moved, path);
        }
        if moved == 0 {
            break;
        }
        done += moved as usize;
    }
    rt::print_number(1, clock(MONOTONIC) - began);
    rt::write(1, b"\n");
    0
}

fn clock(id: usize) -> usize {
    let mut time = [0usize; 2];
    call(nr::CLOCK_GETTIME, id, time.as_mut_ptr() as usize, 0, 0, 0, 0);
    time[0] * 1000 + time[1] / 1_000_000
}

/// Burns the processor for so many milliseconds of wall time, and says how many of them it really got.
fn spin(ms: usize) -> i32 {
    const PROCESS_CPUTIME: usize = 2;
    let end = clock(MONOTONIC) + ms;
    while clock(MONOTONIC) < end {}
    rt::print_number(1, clock(PROCESS_CPUTIME));
    rt::write(1, b"\n");
    0
}

/// The classic way out of a chroot: go below a second one with the working directory left outside, then climb.
fn escape() -> i32 {
    let inner = c"escape-dir".as_ptr() as usize;
    call(nr::MKDIRAT, AT_FDCWD, inner, 0o755, 0, 0, 0);
    let made = call(nr::CHROOT, inner, 0, 0, 0, 0, 0);
    if made < 0 {
        return complain(made, c"chroot".as_ptr().cast());
    }
    for _ in 0..64 {
        call(nr::CHDIR, c"..".as_ptr() as usize, 0, 0, 0, 0, 0);
    }
    let out = call(nr::CHROOT, c".".as_ptr() as usize, 0, 0, 0, 0, 0);
    if out < 0 {
        return complain(out, c"chroot".as_ptr().cast());
    }
    ls(c"/".as_ptr().cast())
}

/// Exchanges two names for as long as the process that started it lives.
fn flip(a: *const u8, b: *const u8) -> i32 {
    const RENAME_EXCHANGE: usize = 2;
    die_with_parent();
    rt::write(1, b"flipping\n");
    loop {
        let done = call(nr::RENAMEAT2, AT_FDCWD, a as usize, AT_FDCWD, b as usize, RENAME_EXCHANGE, 0);
        if done < 0 {
            return complain(done, a);
        }
    }
}

fn main(args: Args) -> i32 {
    let (first, second) = (args.get(2), args.get(3));
    match (args.get(1).map(bytes), first, second) {
        (Some(b"cat"), Some(_), _) => cat(args),
        (Some(b"ls"), Some(path), _) => ls(path),
        (Some(b"pwd"), _, _) => pwd(),
        (Some(b"write"), Some(path), Some(text)) => write_file(path, text),
        (Some(b"sleep"), _, _) => sleep(args.number(2)),
        (Some(b"eat"), _, _) => eat(args.number(2)),
        (Some(b"spin"), _, _) => spin(args.number(2)),
        (Some(b"graze"), _, _) => graze(args.number(2)),
        (Some(b"tick"), Some(path), _) => tick(path),
        (Some(b"bomb"), _, _) => bomb(args.number(2)),
        (Some(b"direct-write"), Some(path), _) => {
            direct(path, O_WRONLY_CREAT | O_TRUNC, nr::WRITE, args.number(3) << 10)
        }
        (Some(b"direct-read"), Some(path), _) => direct(path, 0, nr::READ, usize::MAX),
        (Some(b"open"), Some(path), _) => match rt::open(path, 0) {
            fd if fd < 0 => complain(fd, path),
            _ => 0,
        },
        (Some(b"escape"), _, _) => escape(),
        (Some(b"flip"), Some(a), Some(b)) => flip(a, b),
        _ => 64,
    }
}
