//! Compiles `proto/` with a pure-Rust compiler, so that no `protoc` is needed.

use std::error::Error;

const PROTOS: [&str; 2] = ["proto/sensr.proto", "proto/envelope.proto"];

/// Messages and fields whose bytes are views.
const VIEWS: [&str; 5] = [
    ".sensr_envelope",
    ".sensr_proto.PointResult",
    ".sensr_proto.OutputMessage.custom",
    ".sensr_proto.Object.points",
    ".sensr_proto.Object.intensities",
];

fn main() -> Result<(), Box<dyn Error>> {
    for proto in PROTOS {
        println!("cargo:rerun-if-changed={proto}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    prost_build::Config::new()
        // Views into the received frame instead of copies. Texts are copies: what keeps one shall not keep the frame.
        .bytes(VIEWS)
        .compile_fds(descriptors)?;
    Ok(())
}
