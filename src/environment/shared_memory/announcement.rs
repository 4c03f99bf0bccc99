//! Announcements by which DDS participants discover each other (RTPS 2.3, section 8.5.3), as far as they tell of shared
//! memory. A participant is a process, as a rule.

use super::byte_reader::ByteReader;

/// Identifier of a participant: vendor, and for Fast DDS a number of the machine, process id, and random bytes.
pub(super) type ParticipantId = [u8; 12];

/// Writer of announcements.
const ANNOUNCER: [u8; 4] = [0, 1, 0, 0xc2];
/// Submessage that carries data.
const DATA: u8 = 0x15;
/// Flags of submessages: little-endian, and parameters before the data.
const LITTLE_ENDIAN: u8 = 0x01;
const INLINE_PARAMETERS: u8 = 0x02;
/// Encapsulation of the data: list of parameters, little-endian. Nodes of one machine have the same byte order.
const LITTLE_ENDIAN_PARAMETERS: [u8; 2] = [0, 3];
/// Parameter that ends a list.
const END: u16 = 0x0001;
/// Parameter with an address that receives data.
const UNICAST_LOCATOR: u16 = 0x0031;
/// Kind of Fast DDS's addresses in shared memory.
const SHARED_MEMORY: u32 = 16;

/// Address in shared memory. Equal machines are the same machine, as Fast DDS decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SharedMemoryAddress {
    pub(super) machine: [u8; 16],
    pub(super) port: u32,
}

/// Announcement of a participant that receives data through shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) participant: ParticipantId,
    pub(super) address: SharedMemoryAddress,
}

impl Announcement {
    /// Reads a datagram. `None` if it is none, or if the participant uses no shared memory.
    pub(super) fn read(datagram: &[u8]) -> Option<Self> {
        let mut header = ByteReader::new(datagram);
        if header.array()? != *b"RTPS" {
            return None;
        }
        header.skip(4)?;
        let participant = header.array()?;
        let mut submessages = header;
        loop {
            let [kind, flags] = submessages.array()?;
            if flags & LITTLE_ENDIAN == 0 {
                return None;
            }
            // The last one may give no length.
            let content = match submessages.u16()? {
                0 => submessages.rest(),
                length => submessages.part(length.into())?,
            };
            if kind == DATA
                && let Some(address) = read_data(ByteReader::new(content), flags)
            {
                return Some(Self {
                    participant,
                    address,
                });
            }
        }
    }

    /// Returns whether the process of this id has announced itself. Fast DDS gives the lower two bytes of the id.
    pub(super) fn is_of_process(&self, id: u32) -> bool {
        self.participant[4..6] == id.to_le_bytes()[..2]
    }
}

fn read_data(mut data: ByteReader<'_>, flags: u8) -> Option<SharedMemoryAddress> {
    /// Bytes of two fields between the place from which the offset counts and the sequence number: reader and writer.
    const ENTITY_IDS: usize = 8;
    data.skip(2)?;
    let offset = usize::from(data.u16()?);
    data.skip(4)?;
    if data.array()? != ANNOUNCER {
        return None;
    }
    data.skip(offset.checked_sub(ENTITY_IDS)?)?;
    if flags & INLINE_PARAMETERS != 0 {
        while data.parameter()?.0 != END {}
    }
    if data.array()? != LITTLE_ENDIAN_PARAMETERS {
        return None;
    }
    data.skip(2)?;
    loop {
        let (id, value) = data.parameter()?;
        match id {
            END => return None,
            UNICAST_LOCATOR => {
                let mut locator = ByteReader::new(value);
                let (kind, port) = (locator.u32()?, locator.u32()?);
                if kind == SHARED_MEMORY {
                    let machine = locator.array()?;
                    return Some(SharedMemoryAddress { machine, port });
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Machine of the encoded announcements.
    pub(in super::super) const MACHINE: [u8; 16] =
        [b'U', 0x78, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// Encodes an announcement as Fast DDS 2.14 sends it, with two addresses.
    pub(in super::super) fn encode(process: u32, kind: u32, port: u32) -> Vec<u8> {
        let [low, high, ..] = process.to_le_bytes();
        let mut message = b"RTPS\x02\x03\x01\x0f".to_vec();
        message.extend([1, 0x0f, 0x78, 0xfd, low, high, 7, 7, 0, 0, 0, 0]);
        // A timestamp, then the data.
        message.extend([0x09, LITTLE_ENDIAN, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let mut data = vec![0, 0, 16, 0, 0, 1, 0, 0xc7];
        data.extend(ANNOUNCER);
        data.extend([0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 0, 0]);
        for (kind, port) in [(1, port), (kind, port)] {
            data.extend(UNICAST_LOCATOR.to_le_bytes());
            data.extend([24, 0]);
            data.extend(u32::to_le_bytes(kind));
            data.extend(port.to_le_bytes());
            data.extend(MACHINE);
        }
        data.extend([1, 0, 0, 0]);
        message.extend([DATA, LITTLE_ENDIAN | 0x04]);
        message.extend(u16::try_from(data.len()).expect("short").to_le_bytes());
        message.extend(data);
        message
    }

    #[test]
    fn the_address_in_shared_memory_is_read() {
        let read = Announcement::read(&encode(0x1_2345, SHARED_MEMORY, 7411)).expect("valid");
        assert_eq!((read.address.machine, read.address.port), (MACHINE, 7411));
        assert!(read.is_of_process(0x1_2345) && !read.is_of_process(0x1_2346));
    }

    #[test]
    fn a_participant_without_shared_memory_has_none() {
        assert_eq!(Announcement::read(&encode(1, 1, 7411)), None);
    }

    #[test]
    fn data_of_other_writers_are_no_announcements() {
        let mut message = encode(1, SHARED_MEMORY, 7411);
        let writer = message
            .windows(4)
            .position(|bytes| bytes == ANNOUNCER)
            .expect("there");
        message[writer + 3] = 0xc3;
        assert_eq!(Announcement::read(&message), None);
    }

    #[test]
    fn every_truncated_announcement_is_harmless() {
        let message = encode(1, SHARED_MEMORY, 7411);
        let read = (0..message.len()).filter_map(|end| Announcement::read(&message[..end]));
        assert_eq!(read.count(), 0);
    }

    proptest! {
        #[test]
        fn no_datagram_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..120) {
            let _ = Announcement::read(&bytes);
            let mut message = encode(1, SHARED_MEMORY, 7411);
            for (to, from) in message.iter_mut().skip(at).zip(&bytes) {
                *to = *from;
            }
            let _ = Announcement::read(&message);
        }
    }
}
