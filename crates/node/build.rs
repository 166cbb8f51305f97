//! What the linker does to the release binary. Functions of one code become one: monomorphised code has
//! many of them. No symbols stay: after a fat LTO the profile's `strip` alone left them.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |variable: &str, value: &str| env::var(variable).is_ok_and(|found| found == value);
    // There rustc links by LLD.
    if is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") {
        for argument in ["--icf=all", "--strip-all"] {
            println!("cargo::rustc-link-arg-bins=-Wl,{argument}");
        }
    }
}
