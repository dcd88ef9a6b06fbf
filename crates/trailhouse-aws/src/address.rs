//! What users write to name a queue or a place in S3.

use std::{fmt, str::FromStr};

use trailhouse_model::BucketName;
use url::Url;

/// How a user names a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueAddress {
    /// The URL that SQS gave.
    Url(Url),
    /// The ARN, to be resolved by SQS.
    Arn {
        /// The region of the queue.
        region: String,
        /// The account that owns it.
        account: String,
        /// Its name.
        name: String,
    },
}

/// The text names no queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a queue; pass its URL (https://sqs.REGION.amazonaws.com/ACCOUNT/NAME) or its \
     ARN (arn:aws:sqs:REGION:ACCOUNT:NAME)"
)]
pub struct QueueAddressError {
    /// What stood there.
    pub text: String,
}

impl FromStr for QueueAddress {
    type Err = QueueAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = if text.starts_with("arn:") { parse_arn(text) } else { parse_url(text) };
        parsed.ok_or_else(|| QueueAddressError { text: text.to_owned() })
    }
}

fn parse_arn(text: &str) -> Option<QueueAddress> {
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", _partition, "sqs", region, account, name] = parts.as_slice() else {
        return None;
    };
    if region.is_empty() || account.is_empty() || name.is_empty() {
        return None;
    }
    Some(QueueAddress::Arn {
        region: (*region).to_owned(),
        account: (*account).to_owned(),
        name: (*name).to_owned(),
    })
}

fn parse_url(text: &str) -> Option<QueueAddress> {
    let url = Url::parse(text).ok()?;
    let usable = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    let named = url.path_segments()?.next_back().is_some_and(|name| !name.is_empty());
    (usable && named).then_some(QueueAddress::Url(url))
}

impl QueueAddress {
    /// Returns the region that the address names, where it names one.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Arn { region, .. } => Some(region),
            Self::Url(url) => region_of_host(url.host_str()?),
        }
    }

    /// Returns the name of the queue.
    pub fn name(&self) -> &str {
        match self {
            Self::Arn { name, .. } => name,
            Self::Url(url) => {
                url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default()
            }
        }
    }

    /// Returns where SQS listens, for a URL of which the SDK would not find it by the region alone:
    /// VPC endpoints, FIPS endpoints and stand-ins for AWS.
    pub fn endpoint_url(&self) -> Option<String> {
        match self {
            Self::Arn { .. } => None,
            Self::Url(url) if is_public_host(url.host_str()?) => None,
            Self::Url(url) => Some(url.origin().ascii_serialization()),
        }
    }
}

fn is_public_host(host: &str) -> bool {
    let Some(service) =
        host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))
    else {
        return false;
    };
    match service.split('.').collect::<Vec<_>>().as_slice() {
        ["queue"] => true,
        ["sqs", region] | [region, "queue"] => is_region(region),
        _ => false,
    }
}

fn region_of_host(host: &str) -> Option<&str> {
    if host == "queue.amazonaws.com" {
        return Some("us-east-1");
    }
    host.split('.').find(|label| is_region(label))
}

/// Says whether the text has the form of a region, as `us-gov-west-1`.
pub(crate) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return false;
    };
    let is_word = |part: &&str| {
        (1..=12).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    (2..=4).contains(&first.len())
        && is_word(first)
        && (1..=3).contains(&middle.len())
        && middle.iter().all(is_word)
        && (1..=2).contains(&last.len())
        && last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Says whether a bucket can have this name. Refuses in particular ARNs of access points, which
/// the SDK would follow to wherever they point.
pub(crate) fn is_bucket_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (3..=255).contains(&text.len()) && text.bytes().all(allowed)
}

/// A bucket and the start of keys in it, as `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Url {
    /// The bucket.
    pub bucket: BucketName,
    /// What the keys start with; empty for all of them.
    pub prefix: String,
}

/// The text is not of the form `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` does not name a bucket; write s3://BUCKET/PREFIX")]
pub struct S3UrlError {
    /// What stood there.
    pub text: String,
}

impl FromStr for S3Url {
    type Err = S3UrlError;

    /// Takes the prefix as it stands: keys may hold any character, so nothing is decoded.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.strip_prefix("s3://").and_then(|rest| {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            is_bucket_name(bucket)
                .then(|| Self { bucket: BucketName::new(bucket), prefix: prefix.to_owned() })
        });
        parsed.ok_or_else(|| S3UrlError { text: text.to_owned() })
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, region: Option<&str>, name: &str, endpoint_url: Option<&str>) {
        let address: QueueAddress = text.parse().unwrap();
        assert_eq!(address.region(), region, "{text}");
        assert_eq!(address.name(), name, "{text}");
        assert_eq!(address.endpoint_url().as_deref(), endpoint_url, "{text}");
    }

    #[test]
    fn every_form_of_queue_address_is_read() {
        let account = "123456789012";
        let at = |host: &str| format!("https://{host}/{account}/trail");
        check(&at("sqs.eu-west-1.amazonaws.com"), Some("eu-west-1"), "trail", None);
        check(&at("eu-west-1.queue.amazonaws.com"), Some("eu-west-1"), "trail", None);
        check(&at("queue.amazonaws.com"), Some("us-east-1"), "trail", None);
        check(&at("sqs.cn-north-1.amazonaws.com.cn"), Some("cn-north-1"), "trail", None);
        check(&at("sqs.us-gov-west-1.amazonaws.com"), Some("us-gov-west-1"), "trail", None);
        for (host, region) in [
            ("sqs-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("vpce-0a1b-2c3d.sqs.us-east-2.vpce.amazonaws.com", Some("us-east-2")),
            ("sqs.us-iso-east-1.c2s.ic.gov", Some("us-iso-east-1")),
            ("localhost:4566", None),
            ("sqs.us-east-1.localhost.localstack.cloud:4566", Some("us-east-1")),
            ("[::1]:5000", None),
        ] {
            check(&at(host), region, "trail", Some(&format!("https://{host}")));
        }
        let arn = "arn:aws-cn:sqs:cn-north-1:123456789012:trail.fifo";
        check(arn, Some("cn-north-1"), "trail.fifo", None);
    }

    #[test]
    fn what_names_no_queue_is_refused() {
        for text in [
            "",
            "trail",
            "https://sqs.eu-west-1.amazonaws.com",
            "https://sqs.eu-west-1.amazonaws.com/1/",
            "ftp://host/1/trail",
            "arn:aws:sns:eu-west-1:123456789012:trail",
            "arn:aws:sqs:eu-west-1:123456789012",
            "arn:aws:sqs::123456789012:trail",
        ] {
            assert!(text.parse::<QueueAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn places_in_s3_are_read() {
        for (text, bucket, prefix) in [
            ("s3://logs", "logs", ""),
            ("s3://logs/", "logs", ""),
            ("s3://logs/AWSLogs/1%20+2/", "logs", "AWSLogs/1%20+2/"),
        ] {
            let url: S3Url = text.parse().unwrap();
            assert_eq!((url.bucket.as_str(), url.prefix.as_str()), (bucket, prefix));
        }
        for text in ["s3:/logs", "logs/x", "s3://", "s3://a/b", "s3://arn:aws:s3:::x/y"] {
            assert!(text.parse::<S3Url>().is_err(), "{text}");
        }
    }
}
