//! Whether a store can hold a lake: it must refuse a put to a key that is taken, if asked to.

use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload, path::Path};
use url::Url;
use uuid::Uuid;

use crate::error::LakeError;

/// The folder of the objects that this puts; they are deleted again.
const FOLDER: &str = "_trailhouse_probe";
/// The code of stores that know of conditional puts only that they have none.
const NOT_IMPLEMENTED: &str = "NotImplemented";

/// Puts one object twice. A store that takes the second would let two writers take one version.
pub(crate) async fn check_conditional_put(
    store: &dyn ObjectStore,
    prefix: &Path,
    lake: &Url,
) -> Result<(), LakeError> {
    let probe = prefix.clone().join(FOLDER).join(Uuid::now_v7().to_string());
    let first = put_new(store, &probe).await;
    let second = match first {
        Ok(()) => put_new(store, &probe).await,
        // Nobody else has this name: it is our own put, repeated after an answer that was lost.
        Err(Error::AlreadyExists { .. }) => first,
        Err(error) => return Err(refusal(error, lake)),
    };
    if let Err(error) = store.delete(&probe).await {
        tracing::warn!(%probe, %error, "failed to delete the probe of the store");
    }
    match second {
        Err(Error::AlreadyExists { .. }) => Ok(()),
        Ok(()) => Err(LakeError::NoConditionalPut { uri: lake.to_string() }),
        Err(error) => Err(refusal(error, lake)),
    }
}

async fn put_new(store: &dyn ObjectStore, path: &Path) -> Result<(), Error> {
    let payload = PutPayload::from_static(
        b"written by trailhouse to see whether this store can hold a lake\n",
    );
    store.put_opts(path, payload, PutMode::Create.into()).await.map(drop)
}

fn refusal(error: Error, lake: &Url) -> LakeError {
    let uri = lake.to_string();
    let has_none = matches!(error, Error::NotImplemented { .. } | Error::NotSupported { .. })
        || error.to_string().contains(NOT_IMPLEMENTED);
    if has_none {
        LakeError::NoConditionalPut { uri }
    } else {
        LakeError::Probe { uri, source: error }
    }
}
