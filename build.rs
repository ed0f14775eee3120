//! Builds the container's pid 1 (`src/child/init.rs`) with the compiler that builds the crate, and embeds it.
//!
//! No C compiler and no extra target are needed: the toolchain's own linker makes a static program of about 2 KB.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SOURCE: &str = "src/child/init.rs";

fn main() {
    println!("cargo:rerun-if-changed={SOURCE}");
    println!("cargo:rerun-if-changed=build.rs");
    napi_build::setup();
    let output = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("init");
    build_init(&output);
    println!("cargo:rustc-env=CONTAINER_SPAWN_INIT={}", output.display());
}

fn build_init(output: &Path) {
    let with_own_linker = rustc(
        output,
        &["-Clinker=rust-lld", "-Clinker-flavor=ld.lld", "-Clink-self-contained=no", "-Clink-arg=-nostdlib"],
    );
    if with_own_linker.status.success() {
        return;
    }
    // A distribution's toolchain may come without rust-lld.
    let with_cc = rustc(
        output,
        &[
            "-Ctarget-feature=+crt-static",
            "-Clink-arg=-nostartfiles",
            "-Clink-arg=-nostdlib",
            "-Clink-arg=-static",
            "-Clink-arg=-Wl,--build-id=none,-z,norelro",
        ],
    );
    assert!(
        with_cc.status.success(),
        "cannot build {SOURCE}\nwith rust-lld:\n{}\nwith cc:\n{}",
        String::from_utf8_lossy(&with_own_linker.stderr),
        String::from_utf8_lossy(&with_cc.stderr),
    );
}

fn rustc(output: &Path, link: &[&str]) -> Output {
    Command::new(env::var_os("RUSTC").expect("cargo sets RUSTC"))
        .args(["--edition=2024", "--crate-name=init", "--crate-type=bin"])
        .arg("--target")
        .arg(env::var_os("TARGET").expect("cargo sets TARGET"))
        // Without unwinding there is no personality routine to link; static and not relocatable, it needs no loader.
        .args(["-Copt-level=s", "-Cpanic=abort", "-Crelocation-model=static", "-Cstrip=symbols"])
        .args(link)
        .arg("-o")
        .arg(output)
        .arg(SOURCE)
        .output()
        .expect("cannot run rustc")
}
