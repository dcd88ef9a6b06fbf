//! In which region a bucket lies, learnt once.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_config::Region;
use aws_sdk_s3::{Client, Config};

use crate::{
    address::is_region,
    classify::{Place, Trouble, classify},
};

/// More buckets than this are asked for again each time; messages name buckets, so the number is
/// not ours to trust.
const BUCKETS_MAX: usize = 4_096;
const REGIONS_MAX: usize = 64;

/// Clients by region and regions by bucket.
#[derive(Debug)]
pub(crate) struct Buckets {
    config: Config,
    home: String,
    regions: Mutex<BTreeMap<String, String>>,
    clients: Mutex<BTreeMap<String, Client>>,
}

impl Buckets {
    pub(crate) fn new(config: Config, home: String) -> Self {
        Self { config, home, regions: Mutex::default(), clients: Mutex::default() }
    }

    /// Calls in the region of the bucket: the one it was found in before, else the hinted one, else
    /// our own. An answer that points elsewhere is followed once.
    pub(crate) async fn call<T, F, Fut>(
        &self,
        bucket: &str,
        hint: Option<&str>,
        request: F,
    ) -> Result<T, Trouble>
    where
        F: Fn(Client) -> Fut + Send,
        Fut: Future<Output = Result<T, Trouble>> + Send,
    {
        let region = self.region_of(bucket, hint);
        let trouble = match request(self.client(&region)).await {
            Ok(answer) => {
                self.remember(bucket, region);
                return Ok(answer);
            }
            Err(trouble) => trouble,
        };
        let right_region = match &trouble.place {
            Place::Here => None,
            Place::Elsewhere { region: Some(named) } => Some(named.clone()),
            Place::Elsewhere { region: None } => self.locate(bucket, &region).await,
        };
        match right_region.filter(|right| *right != region && is_region(right)) {
            None => Err(trouble),
            Some(right) => {
                let answer = request(self.client(&right)).await?;
                self.remember(bucket, right);
                Ok(answer)
            }
        }
    }

    /// Returns the region of the bucket; our own where S3 does not tell.
    pub(crate) async fn region_for(&self, bucket: &str) -> String {
        let told = self.locate(bucket, &self.home).await.filter(|region| is_region(region));
        told.unwrap_or_else(|| self.home.clone())
    }

    /// Asks for the head of the bucket, whose answer names the region even where it is a refusal.
    async fn locate(&self, bucket: &str, region: &str) -> Option<String> {
        match self.client(region).head_bucket().bucket(bucket).send().await {
            Ok(head) => head.bucket_region().map(str::to_owned),
            Err(error) => match classify(&error).place {
                Place::Here => None,
                Place::Elsewhere { region } => region,
            },
        }
    }

    fn region_of(&self, bucket: &str, hint: Option<&str>) -> String {
        let known = locked(&self.regions).get(bucket).cloned();
        known
            .or_else(|| hint.filter(|hint| is_region(hint)).map(str::to_owned))
            .unwrap_or_else(|| self.home.clone())
    }

    fn remember(&self, bucket: &str, region: String) {
        let mut regions = locked(&self.regions);
        if regions.len() < BUCKETS_MAX || regions.contains_key(bucket) {
            regions.insert(bucket.to_owned(), region);
        }
    }

    fn client(&self, region: &str) -> Client {
        let mut clients = locked(&self.clients);
        if let Some(client) = clients.get(region) {
            return client.clone();
        }
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        let client = Client::from_conf(config);
        if clients.len() < REGIONS_MAX {
            clients.insert(region.to_owned(), client.clone());
        }
        client
    }
}

/// The maps are whole after every statement, so a panic elsewhere leaves nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
