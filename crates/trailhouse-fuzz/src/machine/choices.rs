//! Bytes as decisions. Once the bytes are over every decision is the first one: all goes well.

/// Reads decisions off bytes.
pub(super) struct Choices<'b> {
    bytes: std::slice::Iter<'b, u8>,
}

impl<'b> Choices<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes: bytes.iter() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.bytes.as_slice().is_empty()
    }

    /// Drops what is left.
    pub(super) fn end(&mut self) {
        self.bytes = [].iter();
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(0)
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// Picks a number below the limit, which is not zero.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    /// Picks a number from one to the limit.
    pub(super) fn up_to(&mut self, limit: u8) -> u8 {
        self.byte() % limit + 1
    }

    /// Picks some of the items, none once the bytes are over.
    pub(super) fn some_of<T>(&mut self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut mask = self.byte();
        let mut picked = Vec::new();
        for item in items {
            if mask & 1 == 1 {
                picked.push(item);
            }
            mask = mask.rotate_right(1);
        }
        picked
    }
}
