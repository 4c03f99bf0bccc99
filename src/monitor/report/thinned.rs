//! Series of bounded length that covers a time of any length.

/// Largest number of items.
pub(super) const MAX_ITEMS: usize = 2048;

/// Item that can stand for itself and the one after it.
pub(super) trait Merge {
    /// Takes in the item that follows.
    fn merge(&mut self, next: Self);
}

/// Items that are merged in pairs whenever there are too many, so that each stands for the same number of samples.
#[derive(Debug, Clone)]
pub(super) struct Thinned<T> {
    items: Vec<T>,
    /// Samples that an item stands for.
    samples_per_item: u64,
    /// Samples in the last item.
    samples_in_last: u64,
}

impl<T> Default for Thinned<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            samples_per_item: 1,
            samples_in_last: 0,
        }
    }
}

impl<T: Merge> Thinned<T> {
    /// Adds a sample at the end.
    pub(super) fn push(&mut self, sample: T) {
        if self.samples_in_last < self.samples_per_item
            && let Some(last) = self.items.last_mut()
        {
            last.merge(sample);
            self.samples_in_last += 1;
            return;
        }
        if self.items.len() == MAX_ITEMS {
            self.merge_pairs();
        }
        self.items.push(sample);
        self.samples_in_last = 1;
    }

    /// Returns the items, oldest first. The last one may stand for fewer samples than the others.
    pub(super) fn items(&self) -> &[T] {
        &self.items
    }

    fn merge_pairs(&mut self) {
        let mut merged: Vec<T> = Vec::with_capacity(MAX_ITEMS);
        let mut items = std::mem::take(&mut self.items).into_iter();
        while let Some(mut item) = items.next() {
            if let Some(next) = items.next() {
                item.merge(next);
            }
            merged.push(item);
        }
        self.items = merged;
        self.samples_per_item *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Range(u64, u64);

    impl Merge for Range {
        fn merge(&mut self, next: Self) {
            assert_eq!(self.1, next.0, "in order and without gaps");
            self.1 = next.1;
        }
    }

    #[test]
    fn series_of_any_length_is_bounded_complete_and_even() {
        for samples in [1, 2047, 2048, 2049, 5000, 100_000] {
            let mut series = Thinned::default();
            for sample in 0..samples {
                series.push(Range(sample, sample + 1));
                assert!(series.items().len() <= MAX_ITEMS);
            }
            let items = series.items();
            assert_eq!(items[0].0, 0);
            assert_eq!(items[items.len() - 1].1, samples);
            assert!(items.windows(2).all(|pair| pair[0].1 == pair[1].0));
            let length = items[0].1 - items[0].0;
            let whole = &items[..items.len() - 1];
            assert!(whole.iter().all(|item| item.1 - item.0 == length));
            assert!(samples < MAX_ITEMS as u64 || items.len() > MAX_ITEMS / 2);
        }
    }
}
