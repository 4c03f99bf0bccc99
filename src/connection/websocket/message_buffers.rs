//! Recycled buffers of messages.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Recycled buffers of a connection. Each is as large as the largest message at most, and an eighth.
pub const MAX_BUFFERS: usize = 3;

/// Granularity of capacities, so that messages of slightly different lengths fit the same buffer.
const GRANULARITY: usize = 4 << 10;

/// Buffers of messages, which are used again as soon as nobody holds a view of the message in them any more.
///
/// If all are in use, a message gets a buffer of its own, which takes the place of the one that was used longest ago.
#[derive(Debug, Default)]
pub(super) struct MessageBuffers {
    /// In the order of their last use.
    buffers: VecDeque<Recycled>,
}

#[derive(Debug)]
struct Recycled {
    /// Empty handle of the buffer, which shares it with the message.
    handle: BytesMut,
    /// Bytes of the whole buffer.
    capacity: usize,
}

impl MessageBuffers {
    /// Takes the smallest free buffer that has room for `length` bytes, or allocates one.
    pub(super) fn take(&mut self, length: usize) -> BytesMut {
        let mut fitting: Option<usize> = None;
        for index in 0..self.buffers.len() {
            let capacity = self.buffers[index].capacity;
            let is_smallest = fitting.is_none_or(|best| capacity < self.buffers[best].capacity);
            // The handle gets the whole buffer back only if no view of it exists.
            if capacity >= length && is_smallest && self.buffers[index].handle.try_reclaim(capacity)
            {
                fitting = Some(index);
            }
        }
        match fitting.and_then(|index| self.buffers.remove(index)) {
            Some(buffer) => buffer.handle,
            None => BytesMut::with_capacity(rounded_up(length)),
        }
    }

    /// Makes a message of a filled buffer, and keeps the buffer for later ones.
    pub(super) fn freeze(&mut self, mut filled: BytesMut) -> Bytes {
        let capacity = filled.capacity();
        let message = filled.split().freeze();
        if self.buffers.len() == MAX_BUFFERS {
            self.buffers.pop_front();
        }
        self.buffers.push_back(Recycled {
            handle: filled,
            capacity,
        });
        message
    }
}

/// Rounds a length up by an eighth at most, or to the granularity.
fn rounded_up(length: usize) -> usize {
    let step = (length.next_power_of_two() / 16).max(GRANULARITY);
    length.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(buffers: &mut MessageBuffers, length: usize) -> Bytes {
        let mut buffer = buffers.take(length);
        assert!(buffer.is_empty() && buffer.capacity() >= length);
        buffer.resize(length, 7);
        buffers.freeze(buffer)
    }

    #[test]
    fn a_released_buffer_is_used_again_for_messages_that_fit() {
        let mut buffers = MessageBuffers::default();
        let first = message(&mut buffers, 100_000);
        let address = first.as_ptr();
        drop(first);
        for length in [100_000, 1, 99_000, 0, 103_000] {
            let next = message(&mut buffers, length);
            assert_eq!(next.len(), length);
            if length > 0 {
                assert_eq!(next.as_ptr(), address, "{length}");
            }
        }
    }

    #[test]
    fn a_message_that_is_held_keeps_its_bytes() {
        let mut buffers = MessageBuffers::default();
        let held = message(&mut buffers, 10_000);
        let view = held.slice(9_000..);
        drop(held);
        for _ in 0..10 {
            let mut buffer = buffers.take(10_000);
            buffer.resize(10_000, 1);
            drop(buffers.freeze(buffer));
        }
        assert_eq!(view, [7; 1_000][..]);
    }

    #[test]
    fn the_smallest_fitting_buffer_is_taken() {
        let mut buffers = MessageBuffers::default();
        let (large, small) = (
            message(&mut buffers, 1 << 20),
            message(&mut buffers, 10_000),
        );
        let address = small.as_ptr();
        drop((large, small));
        assert_eq!(message(&mut buffers, 5_000).as_ptr(), address);
    }

    #[test]
    fn the_number_of_buffers_is_bounded() {
        let mut buffers = MessageBuffers::default();
        let held: Vec<Bytes> = (1..20)
            .map(|count| message(&mut buffers, count * 10_000))
            .collect();
        assert_eq!(buffers.buffers.len(), MAX_BUFFERS);
        drop(held);
        drop(message(&mut buffers, 1));
        assert_eq!(buffers.buffers.len(), MAX_BUFFERS);
    }

    #[test]
    fn capacities_exceed_lengths_by_an_eighth_at_most() {
        for length in [1, 4096, 4097, 70_000, 131_072, 2_097_190, 30_000_000] {
            let capacity = rounded_up(length);
            let most = length + (length / 8).max(GRANULARITY);
            assert!((length..=most).contains(&capacity), "{length}: {capacity}");
        }
    }
}
