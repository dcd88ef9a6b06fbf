//! What was read to name files, kept until it is read under that name.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use trailhouse_model::ContentHash;

/// Bytes that are kept; beyond them what was named first is read from disk again.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Contents by their hash. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadAhead(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    by_hash: HashMap<ContentHash, Bytes>,
    oldest_first: VecDeque<ContentHash>,
    bytes: usize,
}

impl ReadAhead {
    /// Keeps a content, and lets go of older ones to make room.
    pub(crate) fn keep(&self, hash: ContentHash, content: Bytes) {
        if content.len() > BYTES_MAX {
            return;
        }
        let mut contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        contents.bytes += content.len();
        contents.oldest_first.push_back(hash);
        if let Some(same) = contents.by_hash.insert(hash, content) {
            contents.bytes -= same.len();
        }
        while contents.bytes > BYTES_MAX {
            let Some(oldest) = contents.oldest_first.pop_front() else { return };
            contents.remove(oldest);
        }
    }

    /// Takes a content out, where it is still there and not larger than this.
    pub(crate) fn take(&self, hash: ContentHash, bytes_max: u64) -> Option<Bytes> {
        let mut contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let length = contents.by_hash.get(&hash)?.len();
        if u64::try_from(length).unwrap_or(u64::MAX) > bytes_max {
            return None;
        }
        contents.remove(hash)
    }
}

impl Contents {
    fn remove(&mut self, hash: ContentHash) -> Option<Bytes> {
        let content = self.by_hash.remove(&hash)?;
        self.bytes -= content.len();
        // Names of what is gone stay in the list no longer than there are as many again.
        if self.oldest_first.len() > 2 * self.by_hash.len() + 1_024 {
            let by_hash = &self.by_hash;
            self.oldest_first.retain(|hash| by_hash.contains_key(hash));
        }
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(ahead: &ReadAhead, content: &Bytes) -> ContentHash {
        let hash = ContentHash::of(content);
        ahead.keep(hash, content.clone());
        hash
    }

    #[test]
    fn the_oldest_make_room() {
        let ahead = ReadAhead::default();
        let large = |byte| Bytes::from(vec![byte; BYTES_MAX / 2]);
        let [a, b, c] = [large(1), large(2), large(3)].map(|content| kept(&ahead, &content));
        assert_eq!(ahead.take(a, u64::MAX), None);
        assert_eq!(ahead.take(b, 10), None, "larger than asked for");
        assert!(ahead.take(b, u64::MAX).is_some() && ahead.take(b, u64::MAX).is_none());
        assert!(ahead.take(c, u64::MAX).is_some());
        let too_large = kept(&ahead, &Bytes::from(vec![0; BYTES_MAX + 1]));
        assert_eq!(ahead.take(too_large, u64::MAX), None);
    }

    #[test]
    fn what_is_taken_leaves_nothing_behind() {
        let ahead = ReadAhead::default();
        for number in 0..10_000_u32 {
            let content = Bytes::from(number.to_string());
            let hash = kept(&ahead, &content);
            assert_eq!(kept(&ahead, &content), hash);
            assert_eq!(ahead.take(hash, u64::MAX), Some(content));
        }
        let contents = ahead.0.lock().unwrap();
        assert_eq!((contents.bytes, contents.by_hash.len()), (0, 0));
        assert!(contents.oldest_first.len() <= 1_025, "{}", contents.oldest_first.len());
    }
}
