mod elf;

use std::fs;

use super::*;
use crate::config::Mount;
use crate::filesystem::view::tests::{Scratch, bind, entry, plain, tmpfs};
use elf::Elf;

const FOREIGN: u16 = 22;
const GLIBC: &str =
    if cfg!(target_arch = "aarch64") { "/lib/ld-linux-aarch64.so.1" } else { "/lib64/ld-linux-x86-64.so.2" };
const MUSL: &str =
    if cfg!(target_arch = "aarch64") { "/lib/ld-musl-aarch64.so.1" } else { "/lib/ld-musl-x86_64.so.1" };
const TRIPLET: &str = if cfg!(target_arch = "aarch64") { "aarch64-linux-gnu" } else { "x86_64-linux-gnu" };

/// A root directory with a program at `/bin/program`.
struct Tree(Scratch);

impl Tree {
    fn new(program: &Elf<'_>) -> Self {
        let tree = Self(Scratch::new());
        tree.put("/bin/program", program)
    }

    /// The same with a glibc loader.
    fn glibc(program: &Elf<'_>) -> Self {
        Self::new(program).with_loader(GLIBC, b"\0/etc/ld.so.cache\0\0/lib64/\0/usr/lib64/\0")
    }

    fn with_loader(self, path: &str, strings: &[u8]) -> Self {
        let soname = path.rsplit('/').next();
        let bytes = [Elf { soname, ..Elf::default() }.bytes(), strings.to_vec()].concat();
        self.write(path, &bytes)
    }

    fn put(self, path: &str, elf: &Elf<'_>) -> Self {
        self.write(path, &elf.bytes())
    }

    fn library(self, path: &str) -> Self {
        self.put(path, &Elf::default())
    }

    fn write(self, path: &str, bytes: &[u8]) -> Self {
        self.0.file(&path[1..]);
        fs::write(self.0.path(&path[1..]), bytes).unwrap();
        self
    }

    fn link(self, path: &str, target: &str) -> Self {
        self.0.link(&path[1..], target);
        self
    }

    fn mount(&self) -> Mount {
        plain(&self.0.path(""), vec![])
    }

    fn missing_with(&self, library_path: &str) -> Option<Missing> {
        missing_file(&View::new(&self.mount()), Path::new("/bin/program"), Some(library_path.as_bytes()))
    }

    fn missing(&self) -> Option<Missing> {
        missing_file(&View::new(&self.mount()), Path::new("/bin/program"), None)
    }
}

fn program<'e>(needed: &'e [&'e str]) -> Elf<'e> {
    Elf { interpreter: Some(GLIBC), needed, ..Elf::default() }
}

fn library(needed_by: &str, name: &str) -> Option<Missing> {
    Some(Missing::new(Path::new(needed_by), Kind::Library, name.as_bytes()))
}

fn interpreter(needed_by: &str, name: &str) -> Option<Missing> {
    Some(Missing::new(Path::new(needed_by), Kind::Interpreter, name.as_bytes()))
}

#[test]
fn nothing_that_runs_here_lacks_anything_here() {
    let mount = Mount::default();
    let view = View::new(&mount);
    for command in ["/bin/sh", "/bin/ls", "/usr/bin/env", "/usr/bin/python3", "/usr/bin/ldd"] {
        assert_eq!(missing_file(&view, Path::new(command), None), None, "{command}");
    }
    assert_eq!(missing_file(&view, &std::env::current_exe().unwrap(), None), None);
}

#[test]
fn a_missing_loader_is_named() {
    let tree = Tree::new(&program(&["libc.so.6"]));
    let missing = tree.missing();
    assert_eq!(missing, interpreter("/bin/program", GLIBC));
    let told = missing.unwrap().to_string();
    assert_eq!(told, format!("/bin/program needs {GLIBC}, which the new root lacks"));
}

#[test]
fn a_loader_behind_links_and_binds_is_found() {
    let tree = Tree::new(&program(&["libc.so.6"])).link("/lib64", "usr/lib64").link("/lib", "usr/lib");
    let host = Tree::glibc(&program(&[])).library(&format!("/usr/lib/{TRIPLET}/libc.so.6"));
    fs::rename(host.0.path(GLIBC[1..].split('/').next().unwrap()), host.0.path("loader")).unwrap();
    fs::create_dir_all(tree.0.path("usr")).unwrap();
    let mut mount = tree.mount();
    let to = if cfg!(target_arch = "aarch64") { "/usr/lib" } else { "/usr/lib64" };
    mount.fs.push(bind(&host.0.path("loader"), to));
    let missing = |mount: &Mount| missing_file(&View::new(mount), Path::new("/bin/program"), None);
    assert_eq!(missing(&mount), library("/bin/program", "libc.so.6"));
    mount.fs.push(bind(&host.0.path(&format!("usr/lib/{TRIPLET}")), &format!("/usr/lib/{TRIPLET}")));
    assert_eq!(missing(&mount), None);
    mount.fs.push(tmpfs("/usr"));
    assert_eq!(missing(&mount), interpreter("/bin/program", GLIBC));
}

#[test]
fn a_static_program_needs_nothing() {
    let elf = Elf { needed: &["libodd.so"], ..Elf::default() };
    assert_eq!(Tree::new(&elf).missing(), None);
    assert_eq!(Tree::new(&Elf::default()).missing(), None);
}

#[test]
fn what_a_library_needs_is_followed() {
    let tree = Tree::glibc(&program(&["liba.so.1", "libc.so.6"]))
        .library(&format!("/lib/{TRIPLET}/libc.so.6"))
        .put("/usr/lib/liba.so.1", &Elf { needed: &["libb.so", "libc.so.6"], ..Elf::default() });
    assert_eq!(tree.missing(), library("/usr/lib/liba.so.1", "libb.so"));
    assert_eq!(tree.library("/usr/lib64/libb.so").missing(), None);
}

#[test]
fn the_loader_and_sonames_satisfy_needs() {
    let name = GLIBC.rsplit('/').next().unwrap();
    let named = Elf { soname: Some("libother.so"), ..Elf::default() };
    let tree = Tree::glibc(&program(&["liba.so", "libother.so", name])).put("/usr/lib/liba.so", &named);
    assert_eq!(tree.missing(), None);
}

#[test]
fn libraries_for_another_machine_do_not_count() {
    let foreign = Elf { machine: Some(FOREIGN), ..Elf::default() };
    let tree = Tree::glibc(&program(&["liba.so"])).put("/lib64/liba.so", &foreign);
    assert_eq!(tree.missing(), library("/bin/program", "liba.so"));
    assert_eq!(tree.library("/usr/lib/liba.so").missing(), None);
}

#[test]
fn programs_for_another_machine_are_left_alone() {
    let elf = Elf { machine: Some(FOREIGN), interpreter: Some("/lib/ld64.so.1"), ..Elf::default() };
    assert_eq!(Tree::new(&elf).missing(), None);
}

#[test]
fn run_paths_are_followed_as_the_loader_does() {
    let own = Elf { runpath: Some("$ORIGIN/../own:/opt"), ..program(&["liba.so"]) };
    assert_eq!(Tree::glibc(&own).missing(), library("/bin/program", "liba.so"));
    assert_eq!(Tree::glibc(&own).library("/own/liba.so").missing(), None);
    assert_eq!(Tree::glibc(&own).library("/opt/liba.so").missing(), None);

    // A runpath serves the object that has it; an rpath serves what that object loads too.
    let second = Elf { needed: &["libb.so"], ..Elf::default() };
    let runpath = Tree::glibc(&own).put("/own/liba.so", &second).library("/own/libb.so");
    assert_eq!(runpath.missing(), library("/bin/../own/liba.so", "libb.so"));
    let old = Elf { rpath: Some("${ORIGIN}/../own"), ..program(&["liba.so"]) };
    let rpath = Tree::glibc(&old).put("/own/liba.so", &second).library("/own/libb.so");
    assert_eq!(rpath.missing(), None);
    let shadowed = Elf { rpath: Some("/own"), runpath: Some("/opt"), ..program(&["liba.so"]) };
    assert_eq!(Tree::glibc(&shadowed).library("/own/liba.so").missing(), library("/bin/program", "liba.so"));
}

#[test]
fn the_origin_of_a_program_is_its_real_directory() {
    let own = Elf { runpath: Some("$ORIGIN/lib"), ..program(&["liba.so"]) };
    let tree = Tree::glibc(&own).put("/opt/app/run", &own).library("/opt/app/lib/liba.so");
    fs::remove_file(tree.0.path("bin/program")).unwrap();
    assert_eq!(tree.link("/bin/program", "../opt/app/run").missing(), None);
}

#[test]
fn the_environment_names_directories() {
    let tree = Tree::glibc(&program(&["liba.so"])).library("/opt/a/liba.so");
    assert_eq!(tree.missing_with(""), library("/bin/program", "liba.so"));
    assert_eq!(tree.missing_with("/opt/b"), library("/bin/program", "liba.so"));
    assert_eq!(tree.missing_with("/opt/b;/opt/a"), None);
    assert_eq!(tree.missing_with("$ORIGIN/../opt/a"), None);
}

#[test]
fn directories_that_only_the_process_knows_silence_it() {
    for path in ["relative", "/opt/$LIB", "/opt:", "$PLATFORM"] {
        assert_eq!(Tree::glibc(&program(&["liba.so"])).missing_with(path), None, "{path}");
        let own = Elf { runpath: Some(path), ..program(&["liba.so"]) };
        assert_eq!(Tree::glibc(&own).missing(), None, "{path}");
    }
}

#[test]
fn configured_directories_are_searched_first() {
    let tree = Tree::glibc(&program(&["liba.so"]))
        .write(
            "/etc/ld.so.conf",
            b"# comment\ninclude /etc/ld.so.conf.d/*.conf\n/opt/x=libc6 # more\nhwcap 1 nosegneg\n",
        )
        .write("/etc/ld.so.conf.d/a.conf", b"/opt/a /opt/b\n")
        .write("/etc/ld.so.conf.d/ignored", b"/opt/c\n");
    assert_eq!(tree.missing(), library("/bin/program", "liba.so"));
    let tree = tree.library("/opt/c/liba.so");
    assert_eq!(tree.missing(), library("/bin/program", "liba.so"));
    // The copy in the loader's own directory lacks something, but the configured one is what gets loaded.
    let tree = tree.put("/usr/lib/liba.so", &Elf { needed: &["libold.so"], ..Elf::default() });
    assert_eq!(tree.missing(), library("/usr/lib/liba.so", "libold.so"));
    assert_eq!(tree.library("/opt/b/liba.so").missing(), None);
}

#[test]
fn a_configuration_that_cannot_be_followed_silences_it() {
    for line in ["include /opt/*.conf", "relative/lib"] {
        let tree = Tree::glibc(&program(&["liba.so"])).write("/etc/ld.so.conf", line.as_bytes());
        assert_eq!(tree.missing(), None, "{line}");
    }
}

#[test]
fn the_cache_and_hardware_variants_silence_it() {
    let cached = Tree::glibc(&program(&["liba.so"]))
        .write("/etc/ld.so.cache", b"glibc-ld.so.cache\0liba.so\0/x/liba.so\0");
    assert_eq!(cached.missing(), None);
    let other =
        Tree::glibc(&program(&["liba.so"])).write("/etc/ld.so.cache", b"glibc-ld.so.cache\0libx.so\0");
    assert_eq!(other.missing(), library("/bin/program", "liba.so"));
    let variant = Tree::glibc(&program(&["liba.so"])).library("/usr/lib64/glibc-hwcaps/x86-64-v3/liba.so");
    assert_eq!(variant.missing(), None);
}

#[test]
fn unusual_loaders_silence_it_about_libraries() {
    let elf = program(&["liba.so"]);
    let shim = Tree::new(&elf).library(GLIBC);
    assert_eq!(shim.missing(), None);
    let other_directories = Tree::new(&elf).with_loader(GLIBC, b"\0/etc/ld.so.cache\0\0/store/glibc/lib/\0");
    assert_eq!(other_directories.missing(), None);
    let beside_musl = Tree::glibc(&elf).library(MUSL);
    assert_eq!(beside_musl.missing(), None);
    let elsewhere = Elf { interpreter: Some("/store/ld.so"), ..program(&["liba.so"]) };
    assert_eq!(Tree::new(&elsewhere).missing(), interpreter("/bin/program", "/store/ld.so"));
    assert_eq!(Tree::new(&elsewhere).library("/store/ld.so").missing(), None);
    let moved = Tree::glibc(&elf);
    let (loader, moved_to) = (moved.0.path(&GLIBC[1..]), moved.0.path("loader"));
    fs::rename(&loader, moved_to).unwrap();
    assert_eq!(moved.link(GLIBC, "/loader").missing(), None);
}

#[test]
fn musl_has_directories_and_libraries_of_its_own() {
    let elf = Elf { interpreter: Some(MUSL), ..program(&["libc.musl-x86_64.so.1", "libm.so", "libz.so.1"]) };
    let tree = Tree::new(&elf).library(MUSL);
    assert_eq!(tree.missing(), library("/bin/program", "libz.so.1"));
    let tree = tree.library("/opt/lib/libz.so.1");
    assert_eq!(tree.missing(), library("/bin/program", "libz.so.1"));
    let path =
        if cfg!(target_arch = "aarch64") { "/etc/ld-musl-aarch64.path" } else { "/etc/ld-musl-x86_64.path" };
    assert_eq!(tree.write(path, b"/lib\n/opt/lib:/usr/lib\n").missing(), None);

    // Unlike glibc's, its run paths serve what is loaded by what has them.
    let own = Elf { interpreter: Some(MUSL), runpath: Some("/own"), ..program(&["liba.so"]) };
    let tree = Tree::new(&own).library(MUSL).library("/own/libb.so");
    assert_eq!(tree.put("/own/liba.so", &Elf { needed: &["libb.so"], ..Elf::default() }).missing(), None);
}

#[test]
fn scripts_need_their_interpreter_and_what_it_needs() {
    let elf = program(&[]);
    let tree = Tree::new(&elf).write("/bin/program", b"#! /bin/odd -x\nexit\n");
    let missing = Missing::new(Path::new("/bin/program"), Kind::ScriptInterpreter, b"/bin/odd");
    assert_eq!(tree.missing(), Some(missing));
    assert_eq!(tree.put("/bin/odd", &elf).missing(), interpreter("/bin/odd", GLIBC));

    let nested =
        Tree::new(&elf).write("/bin/program", b"#!/bin/second\n").write("/bin/second", b"#!/bin/third\targ");
    assert_eq!(
        nested.missing(),
        Some(Missing::new(Path::new("/bin/second"), Kind::ScriptInterpreter, b"/bin/third"))
    );

    let endless = Tree::new(&elf).write("/bin/program", b"#!/bin/program\n");
    assert_eq!(endless.missing(), None);
}

#[test]
fn first_lines_are_read_as_the_kernel_reads_them() {
    let long = [b"#!/".as_slice(), &[b'x'; 300]].concat();
    let argument = [b"#!/x ".as_slice(), &[b'y'; 300]].concat();
    let cases: [(&[u8], Option<&str>); 10] = [
        (b"#!/x", Some("/x")),
        (b"#!  \t/x \t y\n", Some("/x")),
        (b"#!/x\0/y\n", Some("/x")),
        (b"#!relative\n", None),
        (b"#!\n/x", None),
        (b"#!   ", None),
        (b"#!", None),
        (b"echo\n", None),
        (&long, None),
        (&argument, Some("/x")),
    ];
    for (line, expected) in cases {
        let tree = Tree::new(&program(&[])).write("/bin/program", line);
        let found = tree.missing().map(|missing| missing.name);
        assert_eq!(found.as_deref(), expected, "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn large_and_distant_parts_are_found() {
    let runpath = format!("{}/own", "/none:".repeat(500));
    let elf = Elf { padding: 1_000_000, runpath: Some(&runpath), ..program(&["liba.so"]) };
    let tree = Tree::glibc(&elf);
    assert_eq!(tree.missing(), library("/bin/program", "liba.so"));
    assert_eq!(tree.library("/own/liba.so").missing(), None);
}

#[test]
fn broken_programs_are_left_to_the_kernel() {
    let whole = program(&["liba.so"]).bytes();
    let mut tree = Tree::glibc(&program(&[]));
    for length in 0..whole.len() {
        tree = tree.write("/bin/program", &whole[..length]);
        assert_eq!(tree.missing(), None, "{length}");
    }
    for at in 0..whole.len() {
        for value in [0, 0x7f, 0xff] {
            let mut broken = whole.clone();
            broken[at] = value;
            tree = tree.write("/bin/program", &broken);
            // Whatever it says, it says something.
            let _ = tree.missing();
        }
    }
}

#[test]
fn what_cannot_be_seen_beforehand_is_not_missing() {
    let tree = Tree::new(&program(&[]));
    let missing = |mount: &Mount, command: &str| missing_file(&View::new(mount), Path::new(command), None);
    let mut mount = tree.mount();
    assert_eq!(missing(&mount, "/bin/nothing"), None);
    assert_eq!(missing(&mount, "bin/program"), None);
    assert_eq!(missing(&mount, "/bin"), None);
    let directory = if cfg!(target_arch = "aarch64") { "/lib" } else { "/lib64" };
    mount.fs.push(entry(directory, crate::config::FsKind::Proc));
    assert_eq!(missing(&mount, "/bin/program"), None);
}
