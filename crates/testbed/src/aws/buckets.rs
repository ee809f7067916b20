//! What S3 keeps: small objects, in memory, until the testbed is reset.

use std::collections::BTreeMap;

use ring::digest;
use time::OffsetDateTime;

use crate::random;

/// The bucket that is always there.
pub(crate) const BUCKET: &str = "testbed";

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: String,
    pub(crate) modified: OffsetDateTime,
}

impl Object {
    /// A mark of the content, in quotes. The real one is an MD5.
    pub(crate) fn etag(&self) -> String {
        let hash = random::hex(digest::digest(&digest::SHA256, &self.body).as_ref());
        format!("\"{}\"", &hash[..32])
    }
}

/// The buckets by name, their objects by key.
pub(crate) struct Buckets {
    by_name: BTreeMap<String, BTreeMap<String, Object>>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { by_name: [(BUCKET.to_owned(), BTreeMap::new())].into() }
    }
}

impl Buckets {
    /// The names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    /// Makes a bucket, unless there is one of this name.
    pub(crate) fn create(&mut self, name: &str) {
        self.by_name.entry(name.to_owned()).or_default();
    }

    /// The objects of a bucket.
    pub(crate) fn objects(&mut self, name: &str) -> Option<&mut BTreeMap<String, Object>> {
        self.by_name.get_mut(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_bucket_is_made_once_and_keeps_its_objects() {
        let mut buckets = Buckets::default();
        buckets.create("b");
        let object =
            Object { body: b"x".to_vec(), content_type: "text/plain".to_owned(), modified: clock::now(0) };
        assert_eq!(object.etag().len(), 34);
        buckets.objects("b").unwrap().insert("key".to_owned(), object.clone());
        buckets.create("b");
        assert_eq!(buckets.objects("b").unwrap().get("key"), Some(&object));
        assert_eq!(buckets.names(), ["b", BUCKET]);
        assert!(buckets.objects("c").is_none());
    }
}
