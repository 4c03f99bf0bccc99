//! Reader of little-endian fields.

/// Reads fields from the front of a byte slice. Each call returns `None` beyond its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByteReader<'a>(&'a [u8]);

impl<'a> ByteReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Takes all that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn part(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    pub(super) fn skip(&mut self, length: usize) -> Option<()> {
        self.part(length).map(|_| ())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.part(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Takes a parameter of an RTPS parameter list: its id, and its value.
    pub(super) fn parameter(&mut self) -> Option<(u16, &'a [u8])> {
        let (id, length) = (self.u16()?, self.u16()?);
        Some((id, self.part(length.into())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_taken_in_order_until_the_end() {
        let mut reader = ByteReader::new(&[1, 0, 2, 0, 0, 0, 7, 0, 2, 0, 8, 9, 5]);
        assert_eq!((reader.u16(), reader.u32()), (Some(1), Some(2)));
        assert_eq!(reader.parameter(), Some((7, &[8, 9][..])));
        assert_eq!(reader.u16(), None);
        assert_eq!(reader.rest(), [5]);
        assert_eq!(reader.skip(1), None);
    }
}
