//! Compiles `proto/sensr.proto` with a pure-Rust compiler, so that no `protoc` is needed.

use std::error::Error;

const PROTO: &str = "proto/sensr.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO}");
    println!("cargo:rerun-if-changed=build.rs");
    let descriptors = protox::compile([PROTO], ["proto"])?;
    prost_build::Config::new()
        // Views into the received frame instead of copies.
        .bytes(["."])
        // Ordered, so that what is encoded is the same in every run.
        .btree_map(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
