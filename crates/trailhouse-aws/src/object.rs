//! Reads objects from S3, whole and bounded.

use aws_sdk_s3::{Client, operation::get_object::GetObjectOutput};
use bytes::{Bytes, BytesMut};
use trailhouse_failpoint::{Failpoint, reach};
use trailhouse_model::ObjectRef;
use trailhouse_runtime::{ObjectReader, PortError, PortErrorKind};

use crate::{
    AwsClients,
    address::is_bucket_name,
    classify::{Trouble, classify},
};

/// Reserved up front at most; a header is no proof of a body.
const RESERVED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Reads objects in whatever region their bucket lies. Bodies come as they are stored: nothing is
/// inflated on the way, whatever the headers say.
#[derive(Debug, Clone)]
pub struct S3Reader {
    clients: AwsClients,
}

impl S3Reader {
    /// Makes a reader; calls nothing yet.
    pub fn new(clients: &AwsClients) -> Self {
        Self { clients: clients.clone() }
    }

    async fn read_whole(&self, object: &ObjectRef, bytes_max: u64) -> Result<Bytes, Trouble> {
        let (bucket, key) = (object.bucket.as_str(), object.key.as_str());
        if !is_bucket_name(bucket) || key.is_empty() {
            let message = "not the name of a bucket and an object".to_owned();
            let advice = "check where the message comes from";
            return Err(Trouble::new(PortErrorKind::NotFound, "InvalidName", message, advice));
        }
        let request = |client: Client| async move {
            let answer = client.get_object().bucket(bucket).key(key).send().await;
            answer.map_err(|error| classify(&error))
        };
        let answer = self.clients.buckets().call(bucket, object.region.as_deref(), request).await?;
        collect(answer, bytes_max).await
    }
}

impl ObjectReader for S3Reader {
    /// Tells a body that ends early from a whole one; such a body is worth another try.
    async fn read(&self, object: &ObjectRef, bytes_max: u64) -> Result<Bytes, PortError> {
        // The SDK's future is large; it lives on the heap instead of in every caller.
        let outcome = Box::pin(self.read_whole(object, bytes_max)).await;
        outcome.map_err(|trouble| {
            let circuit = trouble.circuit(&object.bucket);
            let error = trouble.into_port_error("read object", object.to_string());
            match circuit {
                Some(circuit) => error.concerning(circuit),
                None => error,
            }
        })
    }
}

async fn collect(answer: GetObjectOutput, bytes_max: u64) -> Result<Bytes, Trouble> {
    let announced = answer.content_length().and_then(|length| u64::try_from(length).ok());
    let announced_bytes = announced.unwrap_or(0);
    if announced_bytes > bytes_max {
        return Err(too_large(bytes_max));
    }
    let reserved = usize::try_from(announced_bytes.min(RESERVED_BYTES_MAX)).unwrap_or(0);
    let mut whole = BytesMut::with_capacity(reserved);
    let mut body = answer.body;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| cut_off(error.to_string()))?;
        if length_of(&whole).saturating_add(length_of(&chunk)) > bytes_max {
            return Err(too_large(bytes_max));
        }
        whole.extend_from_slice(&chunk);
        reach(Failpoint::MidDownload);
    }
    match announced {
        Some(announced) if announced != length_of(&whole) => {
            Err(cut_off(format!("{} of {announced} bytes came", whole.len())))
        }
        Some(_) | None => Ok(whole.freeze()),
    }
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn too_large(bytes_max: u64) -> Trouble {
    let message = format!("the object has more than {bytes_max} bytes");
    Trouble::new(PortErrorKind::TooLarge, "TooLarge", message, "raise the limit to read it")
}

fn cut_off(message: String) -> Trouble {
    Trouble::new(PortErrorKind::Unavailable, "IncompleteBody", message, "it is tried again")
}
