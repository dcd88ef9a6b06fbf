//! What identifies a delivered object.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::ids::{BucketName, ETag, ObjectKey};

/// The SHA-256 of an object's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// Hashes the bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// The stable identity of one delivered object: 128 bits of a SHA-256.
///
/// CloudTrail never rewrites a log object, so bucket and key name it for ever. A local file has no
/// such promise: there the content is the identity, so that a moved or copied folder stores
/// nothing twice and a changed file is another object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub [u8; 16]);

impl ObjectId {
    /// Derives the identity from length-prefixed parts, so that no two lists of parts collide.
    pub fn from_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            hasher.update(length.to_be_bytes());
            hasher.update(part);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// Parses the 32 hexadecimal digits that [`fmt::Display`] writes.
    pub fn parse_hex(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut id = [0; 16];
        for (slot, pair) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
            *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// One delivered object, as a notification or a listing names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Where the object lies.
    pub bucket: BucketName,
    /// Its key, decoded.
    pub key: ObjectKey,
    /// The other reading of the key, tried once where the first is not found.
    pub key_alternative: Option<ObjectKey>,
    /// The entity tag that the notification named.
    pub e_tag: Option<ETag>,
    /// The size in bytes that the notification named; a hint, never a decision.
    pub size_bytes: Option<u64>,
    /// The region of the bucket, where the notification named it.
    pub region: Option<String>,
    /// The hash of the content, for objects that are identified by it.
    pub content: Option<ContentHash>,
}

impl ObjectRef {
    /// Names an object of which only the place is known.
    pub fn new(bucket: BucketName, key: ObjectKey) -> Self {
        Self {
            bucket,
            key,
            key_alternative: None,
            e_tag: None,
            size_bytes: None,
            region: None,
            content: None,
        }
    }

    /// Returns the identity: the content hash where there is one, else bucket and key.
    pub fn id(&self) -> ObjectId {
        match self.content {
            Some(ContentHash(hash)) => ObjectId::from_parts(&[b"content", &hash]),
            None => ObjectId::from_parts(&[
                b"object",
                self.bucket.as_str().as_bytes(),
                self.key.as_str().as_bytes(),
            ]),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bucket.is_local() {
            write!(f, "{}", self.key)
        } else {
            write!(f, "s3://{}/{}", self.bucket, self.key)
        }
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for byte in bytes {
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bucket: &str, key: &str) -> ObjectRef {
        ObjectRef::new(BucketName::new(bucket), ObjectKey::new(key))
    }

    #[test]
    fn bucket_and_key_do_not_run_into_each_other() {
        assert_ne!(object("ab", "c").id(), object("a", "bc").id());
    }

    #[test]
    fn content_is_the_identity_of_a_local_file() {
        let mut here = object(BucketName::LOCAL_FILE, "/a/x.json");
        let mut there = object(BucketName::LOCAL_FILE, "/b/x.json");
        here.content = Some(ContentHash::of(b"{}"));
        there.content = Some(ContentHash::of(b"{}"));
        assert_eq!(here.id(), there.id());
        there.content = Some(ContentHash::of(b"[]"));
        assert_ne!(here.id(), there.id());
    }

    #[test]
    fn an_identity_is_read_back_from_its_text() {
        let id = object("bucket", "key").id();
        assert_eq!(ObjectId::parse_hex(&id.to_string()), Some(id));
        assert_eq!(ObjectId::parse_hex("zz"), None);
        assert_eq!(ObjectId::parse_hex(&"é".repeat(16)), None);
    }
}
