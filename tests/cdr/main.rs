//! Messages serialized by this crate, compared with r2r's serialization of the same messages by the middleware.
#![cfg(feature = "ros")]

mod cloud;
mod fixture;
mod object_points;
mod objects;
mod reliable;
mod status;

use r2r::WrappedTypesupport;

/// Asserts that the middleware reads `ours` as `expected`, and serializes `expected` to the same bytes except padding.
#[track_caller]
fn assert_reads_as<T>(ours: &[u8], expected: &T)
where
    T: WrappedTypesupport + PartialEq + std::fmt::Debug + 'static,
{
    let read = T::from_serialized_bytes(ours).expect("the middleware reads it");
    assert!(read == *expected, "read    {read:?}\nexpected {expected:?}");
    let theirs = expected.to_serialized_bytes().expect("serializes");
    assert_eq!(ours[..4], theirs[..4], "encapsulation");
    assert_eq!(ours.len(), theirs.len(), "{expected:?}");
    assert_padding_apart(ours, &theirs, expected);
}

/// Asserts that the two differ in padding only: with any other byte there the same message is read. Fast CDR skips
/// padding, which therefore holds the former contents of its buffer.
#[track_caller]
fn assert_padding_apart<T>(ours: &[u8], theirs: &[u8], expected: &T)
where
    T: WrappedTypesupport + PartialEq + std::fmt::Debug + 'static,
{
    let mut scratched = ours.to_vec();
    for (at, (byte, their)) in scratched.iter_mut().zip(theirs).enumerate() {
        if *byte != *their {
            assert_eq!(*byte, 0, "padding is 0, byte {at}");
            *byte = !*their;
        }
    }
    let read = T::from_serialized_bytes(&scratched).expect("the middleware reads it");
    assert!(read == *expected, "more than padding differs");
}
