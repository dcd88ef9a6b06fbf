//! Reading what the operating system has in memory, without waiting for the disk.
//!
//! A query reads some ranges of each of hundreds of files, most of which the page cache has. Another
//! thread that may wait for the disk costs more than such a read itself. So it is tried here first,
//! in a way that returns at once where the disk would be needed.

use std::{ops::Range, path::Path};

use bytes::Bytes;

/// Returns the bytes of the ranges, where all of them are in memory. Nothing says why they are not:
/// whoever reads the file in the ordinary way finds out.
#[cfg(target_os = "linux")]
pub(crate) fn resident_ranges(path: &Path, ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
    use rustix::{
        fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
        io::{Errno, ReadWriteFlags, preadv2},
    };
    use std::io::IoSliceMut;

    let read_only = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat2(CWD, path, read_only, Mode::empty(), ResolveFlags::CACHED).ok()?;
    let read = |range: &Range<u64>| {
        let length = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        let mut bytes = vec![0; length];
        let mut filled = 0_usize;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = range.start.checked_add(u64::try_from(filled).ok()?)?;
            match preadv2(&file, &mut [IoSliceMut::new(rest)], at, ReadWriteFlags::NOWAIT) {
                // The end of the file, which is an error to say in the ordinary way.
                Ok(0) => return None,
                Ok(more) => filled = filled.checked_add(more)?,
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        Some(Bytes::from(bytes))
    };
    ranges.iter().map(read).collect()
}

/// Other systems have no such read.
#[cfg(not(target_os = "linux"))]
pub(crate) fn resident_ranges(_path: &Path, _ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_the_file_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let whole: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&path, &whole).unwrap();
        let ranges = [0..4, 399_990..400_000, 5..5, 17..300_017];
        // Not every file system can say what is in memory.
        if let Some(read) = resident_ranges(&path, &ranges) {
            let expected = ranges.map(|range| {
                let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
                Bytes::copy_from_slice(&whole[start..end])
            });
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_is_not_there_is_left_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"12345").unwrap();
        let one = |start: u64, end: u64| [Range { start, end }];
        for range in [one(0, 6), one(5, 6), one(4, 9), one(3, 2)] {
            assert_eq!(resident_ranges(&path, &range), None, "{range:?}");
        }
        assert_eq!(resident_ranges(&path, &[0..1, 4..9]), None);
        assert_eq!(resident_ranges(&folder.path().join("other"), &one(0, 1)), None);
        assert_eq!(resident_ranges(folder.path(), &one(0, 1)), None);
    }
}
