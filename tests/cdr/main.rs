//! What this crate serializes, against r2r's own serialization of the same message through the middleware.
#![cfg(feature = "ros")]

mod cloud;
mod fixture;
mod object_points;
mod objects;
mod reliable;
mod status;

use r2r::WrappedTypesupport;

/// The middleware reads in `ours` what is `expected`, and would itself write the same bytes, but for padding.
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

/// Where the two differ nothing stands: any other byte there is read as the same message. Fast CDR skips
/// padding, so there it leaves whatever was in its buffer.
#[track_caller]
fn assert_padding_apart<T>(ours: &[u8], theirs: &[u8], expected: &T)
where
    T: WrappedTypesupport + PartialEq + std::fmt::Debug + 'static,
{
    let mut scratched = ours.to_vec();
    for (at, (byte, their)) in scratched.iter_mut().zip(theirs).enumerate() {
        if *byte != *their {
            assert_eq!(*byte, 0, "what is no part of the message is 0, byte {at}");
            *byte = !*their;
        }
    }
    let read = T::from_serialized_bytes(&scratched).expect("the middleware reads it");
    assert!(read == *expected, "more than padding differs");
}
