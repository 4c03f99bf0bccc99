//! Compiles `proto/` with a pure-Rust compiler, so that no `protoc` is needed.

use std::error::Error;

const PROTOS: [&str; 2] = ["proto/sensr.proto", "proto/envelope.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    for proto in PROTOS {
        println!("cargo:rerun-if-changed={proto}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    prost_build::Config::new()
        // Views into the received frame instead of copies.
        .bytes(["."])
        // Ordered, so that what is encoded is the same in every run.
        .btree_map(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
