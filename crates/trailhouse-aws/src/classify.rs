//! What an SDK error comes to. The only place that looks at one.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use trailhouse_model::BucketName;
use trailhouse_runtime::{CircuitKey, PortError, PortErrorKind, error_chain};

const REGION_HEADER: &str = "x-amz-bucket-region";
const MESSAGE_CHARS_MAX: usize = 600;

/// An SDK error, understood.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) kind: PortErrorKind,
    pub(crate) place: Place,
    code: String,
    message: String,
    advice: &'static str,
}

/// Whether another region may give another answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Here,
    Elsewhere { region: Option<String> },
}

/// What the other side said and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{subject}: {code}: {message}; {advice}")]
struct AwsFailure {
    subject: String,
    code: String,
    message: String,
    advice: &'static str,
}

impl Trouble {
    /// Makes a trouble that no SDK error stands behind.
    pub(crate) fn new(
        kind: PortErrorKind,
        code: &str,
        message: String,
        advice: &'static str,
    ) -> Self {
        Self { kind, place: Place::Here, code: code.to_owned(), message, advice }
    }

    /// Returns what must be put right before anything in the bucket can be read: the KMS key that
    /// the answer names, or else the bucket. Nothing where the object alone is in trouble.
    pub(crate) fn circuit(&self, bucket: &BucketName) -> Option<CircuitKey> {
        match self.kind {
            PortErrorKind::Denied | PortErrorKind::Misconfigured => {
                Some(match kms_key_in(&self.message) {
                    Some(key) => CircuitKey::KmsKey(key.to_owned()),
                    None => CircuitKey::Bucket(bucket.clone()),
                })
            }
            PortErrorKind::NotFound
            | PortErrorKind::Archived
            | PortErrorKind::Throttled
            | PortErrorKind::Unavailable
            | PortErrorKind::TooLarge
            | PortErrorKind::Corrupt
            | PortErrorKind::Bug => None,
        }
    }

    /// Returns what the other side said.
    pub(crate) fn said(&self) -> String {
        format!("{}: {}", self.code, self.message)
    }

    pub(crate) fn into_port_error(self, action: &'static str, subject: String) -> PortError {
        let Self { kind, place: _, code, message, advice } = self;
        PortError::with_source(kind, action, AwsFailure { subject, code, message, advice })
    }
}

/// Understands an SDK error.
pub(crate) fn classify<E>(error: &SdkError<E, HttpResponse>) -> Trouble
where
    E: Error + ProvideErrorMetadata + 'static,
{
    match error {
        SdkError::ServiceError(refusal) => {
            let response = refusal.raw();
            let metadata = refusal.err().meta();
            let status = response.status().as_u16();
            let meaning = meaning_of(metadata.code(), status);
            let region = response.headers().get(REGION_HEADER).map(str::to_owned);
            Trouble {
                kind: meaning.kind,
                place: if meaning.moved { Place::Elsewhere { region } } else { Place::Here },
                code: metadata.code().map_or_else(|| format!("HTTP {status}"), str::to_owned),
                message: shortened(metadata.message().unwrap_or("no message")),
                advice: meaning.advice,
            }
        }
        SdkError::TimeoutError(_) => {
            let advice = "check the network and the proxy settings";
            unanswered(error, "Timeout", PortErrorKind::Unavailable, advice)
        }
        SdkError::ResponseError(_) => {
            let advice = "check that --endpoint-url names S3 and SQS";
            unanswered(error, "UnreadableResponse", PortErrorKind::Unavailable, advice)
        }
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            let advice = "check the endpoint and the TLS settings";
            unanswered(error, "BadRequest", PortErrorKind::Misconfigured, advice)
        }
        SdkError::DispatchFailure(_) => without_credentials(error).unwrap_or_else(|| {
            let advice = "check the network, the proxy settings and --endpoint-url";
            unanswered(error, "NoConnection", PortErrorKind::Unavailable, advice)
        }),
        SdkError::ConstructionFailure(_) | _ => without_credentials(error).unwrap_or_else(|| {
            let advice = "check the region and --endpoint-url";
            unanswered(error, "BadRequest", PortErrorKind::Misconfigured, advice)
        }),
    }
}

/// Understands the error code of one entry of a batch.
pub(crate) fn classify_entry(code: &str, sender_fault: bool) -> PortErrorKind {
    meaning_of(Some(code), if sender_fault { 400 } else { 500 }).kind
}

fn unanswered(
    error: &(dyn Error + 'static),
    code: &str,
    kind: PortErrorKind,
    advice: &'static str,
) -> Trouble {
    Trouble::new(kind, code, shortened(&error_chain(error)), advice)
}

/// Recognises that the call was never sent because there are no usable credentials.
fn without_credentials(error: &(dyn Error + 'static)) -> Option<Trouble> {
    // A role that is assumed hides the credentials that are missing for it.
    find_last::<CredentialsError>(error).map(describe_credentials)
}

/// Understands why there are no credentials.
pub(crate) fn classify_credentials(error: &CredentialsError) -> Trouble {
    describe_credentials(find_last::<CredentialsError>(error).unwrap_or(error))
}

fn describe_credentials(credentials: &CredentialsError) -> Trouble {
    let (code, kind, advice) = match credentials {
        CredentialsError::CredentialsNotLoaded(_) => (
            "NoCredentials",
            PortErrorKind::Misconfigured,
            "pass --profile, set AWS_PROFILE or AWS_ACCESS_KEY_ID, or run where a role is attached",
        ),
        CredentialsError::InvalidConfiguration(_) => (
            "BadCredentialsConfiguration",
            PortErrorKind::Misconfigured,
            "check the profile in the AWS config and credentials files",
        ),
        CredentialsError::ProviderTimedOut(_) => (
            "CredentialsTimeout",
            PortErrorKind::Unavailable,
            "check the network to the source of the credentials",
        ),
        // A refusal of STS comes with its code; without one the source did not answer.
        CredentialsError::ProviderError(_) | CredentialsError::Unhandled(_) | _ => {
            match find_last::<ErrorMetadata>(credentials).and_then(ErrorMetadata::code) {
                Some(_) => (
                    "CredentialsRefused",
                    PortErrorKind::Denied,
                    "check the trust policy of the role, the external id, and whether to sign in again",
                ),
                None => (
                    "CredentialsUnavailable",
                    PortErrorKind::Unavailable,
                    "check the source of the credentials; sign in again where it is single sign-on",
                ),
            }
        }
    };
    unanswered(credentials, code, kind, advice)
}

/// What a code and a status mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meaning {
    kind: PortErrorKind,
    moved: bool,
    advice: &'static str,
}

const fn meaning(kind: PortErrorKind, advice: &'static str) -> Meaning {
    Meaning { kind, moved: false, advice }
}

const GONE: Meaning = meaning(
    PortErrorKind::NotFound,
    "the object may have been removed by a lifecycle rule since it was announced",
);
const BAD_RECEIPT: Meaning = meaning(
    PortErrorKind::NotFound,
    "the message was deleted or its visibility timeout ran out; it may be delivered again",
);
const IMPOSSIBLE: Meaning = meaning(PortErrorKind::NotFound, "no object can have this name");
const ARCHIVED: Meaning = meaning(
    PortErrorKind::Archived,
    "restore the object from its archive tier, then retry it from quarantine",
);
const DENIED: Meaning = meaning(
    PortErrorKind::Denied,
    "allow s3:GetObject and s3:ListBucket on the bucket, sqs:ReceiveMessage, sqs:DeleteMessage and \
     sqs:ChangeMessageVisibility on the queue, and kms:Decrypt on their keys",
);
const KEY_UNUSABLE: Meaning = meaning(
    PortErrorKind::Denied,
    "enable the KMS key of the bucket or queue and allow kms:Decrypt on it",
);
const BAD_CREDENTIALS: Meaning = meaning(
    PortErrorKind::Denied,
    "the credentials are wrong or expired; sign in again or choose another --profile",
);
const CLOCK: Meaning = meaning(PortErrorKind::Misconfigured, "set the clock of this machine");
const SLOW_DOWN: Meaning = meaning(PortErrorKind::Throttled, "it is tried again more slowly");
const OUT_OF_ORDER: Meaning = meaning(PortErrorKind::Unavailable, "it is tried again");
const NO_BUCKET: Meaning =
    meaning(PortErrorKind::Misconfigured, "check the name of the bucket and the account");
const NO_QUEUE: Meaning = meaning(
    PortErrorKind::Misconfigured,
    "check --queue-url, and that --region is the region of the queue",
);
const MOVED: Meaning = Meaning {
    kind: PortErrorKind::Misconfigured,
    moved: true,
    advice: "the bucket lies in another region; pass its region with --region",
};
const REFUSED: Meaning =
    meaning(PortErrorKind::Misconfigured, "check the bucket or queue and --endpoint-url");

fn meaning_of(code: Option<&str>, status: u16) -> Meaning {
    code.and_then(meaning_of_code).unwrap_or_else(|| meaning_of_status(status))
}

fn meaning_of_code(code: &str) -> Option<Meaning> {
    let meaning = match code {
        "NoSuchKey" | "NotFound" | "NoSuchVersion" | "MethodNotAllowed" => GONE,
        "KeyTooLongError" | "InvalidURI" | "InvalidBucketName" => IMPOSSIBLE,
        "ReceiptHandleIsInvalid"
        | "InvalidParameterValue"
        | "InvalidParameterValueException"
        | "MessageNotInflight"
        | "AWS.SimpleQueueService.MessageNotInflight" => BAD_RECEIPT,
        "InvalidObjectState" => ARCHIVED,
        "NoSuchBucket" => NO_BUCKET,
        "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "QueueDeletedRecently"
        | "AWS.SimpleQueueService.QueueDeletedRecently"
        | "InvalidAddress" => NO_QUEUE,
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "Redirect"
        | "AuthorizationHeaderMalformed"
        | "IncorrectEndpoint"
        | "IllegalLocationConstraintException" => MOVED,
        "AccessDenied"
        | "AccessDeniedException"
        | "AllAccessDisabled"
        | "AccountProblem"
        | "InvalidSecurity"
        | "NotSignedUp"
        | "OptInRequired" => DENIED,
        "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "InvalidToken"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "MissingAuthenticationToken" => BAD_CREDENTIALS,
        "RequestTimeTooSkewed" | "RequestExpired" => CLOCK,
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequests"
        | "TooManyRequestsException"
        | "BandwidthLimitExceeded"
        | "OverLimit"
        | "KmsThrottled"
        | "KMS.ThrottlingException" => SLOW_DOWN,
        "InternalError" | "InternalFailure" | "ServiceUnavailable" | "RequestTimeout"
        | "OperationAborted" => OUT_OF_ORDER,
        key if key.starts_with("KMS.") || key.starts_with("Kms") => KEY_UNUSABLE,
        _ => return None,
    };
    Some(meaning)
}

fn meaning_of_status(status: u16) -> Meaning {
    match status {
        301 | 307 | 308 => MOVED,
        401 | 403 => DENIED,
        404 | 410 => GONE,
        429 => SLOW_DOWN,
        408 | 500..=599 => OUT_OF_ORDER,
        _ => REFUSED,
    }
}

/// Returns the innermost cause of this type.
fn find_last<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut found = None;
    let mut current = Some(error);
    while let Some(link) = current {
        found = link.downcast_ref::<T>().or(found);
        current = link.source();
    }
    found
}

/// Finds the ARN of a KMS key in what S3 passes on from KMS.
fn kms_key_in(message: &str) -> Option<&str> {
    let is_of_arn =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, ':' | '/' | '-' | '_');
    let is_key = |word: &&str| {
        let mut parts = word.splitn(6, ':');
        parts.next() == Some("arn")
            && parts.next().is_some()
            && parts.next() == Some("kms")
            && parts.nth(2).is_some_and(|resource| resource.starts_with("key/"))
    };
    message.split(|letter: char| !is_of_arn(letter)).find(is_key)
}

/// Makes one line of a text that may come from any host that the user names as an endpoint.
fn shortened(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|letter: char| letter.is_whitespace() || letter.is_control()) {
        if !line.is_empty() && !word.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line.trim_end_matches('.').chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use trailhouse_runtime::PortErrorKind::{
        Archived, Denied, Misconfigured, NotFound, Throttled, Unavailable,
    };

    use super::*;

    const TABLE: &[(Option<&str>, u16, PortErrorKind)] = &[
        (Some("NoSuchKey"), 404, NotFound),
        (Some("NotFound"), 404, NotFound),
        (None, 404, NotFound),
        (Some("KeyTooLongError"), 400, NotFound),
        (Some("InvalidObjectState"), 403, Archived),
        (Some("NoSuchBucket"), 404, Misconfigured),
        (Some("AWS.SimpleQueueService.NonExistentQueue"), 400, Misconfigured),
        (Some("QueueDoesNotExist"), 400, Misconfigured),
        (Some("InvalidAddress"), 404, Misconfigured),
        (Some("AccessDenied"), 403, Denied),
        (Some("AccessDeniedException"), 400, Denied),
        (None, 403, Denied),
        (Some("KMS.DisabledException"), 400, Denied),
        (Some("KmsInvalidState"), 400, Denied),
        (Some("ExpiredToken"), 400, Denied),
        (Some("SignatureDoesNotMatch"), 403, Denied),
        (Some("KMS.NotFoundException"), 400, Denied),
        (Some("KMS.KMSInvalidStateException"), 400, Denied),
        (Some("KMS.ThrottlingException"), 400, Throttled),
        (Some("SlowDown"), 503, Throttled),
        (Some("OverLimit"), 403, Throttled),
        (None, 429, Throttled),
        (Some("RequestTimeout"), 400, Unavailable),
        (Some("InternalError"), 500, Unavailable),
        (None, 503, Unavailable),
        (Some("RequestTimeTooSkewed"), 403, Misconfigured),
        (Some("ReceiptHandleIsInvalid"), 400, NotFound),
        (Some("SomethingNew"), 400, Misconfigured),
        (Some("SomethingNew"), 503, Unavailable),
    ];

    #[test]
    fn codes_and_statuses_have_their_kind() {
        for (code, status, kind) in TABLE {
            assert_eq!(meaning_of(*code, *status).kind, *kind, "{code:?} {status}");
            assert!(!meaning_of(*code, *status).moved, "{code:?} {status}");
        }
    }

    #[test]
    fn answers_from_the_wrong_region_are_told_apart() {
        for (code, status) in [
            (Some("PermanentRedirect"), 301),
            (Some("TemporaryRedirect"), 307),
            (Some("AuthorizationHeaderMalformed"), 400),
            (Some("IllegalLocationConstraintException"), 400),
            (None, 301),
        ] {
            assert!(meaning_of(code, status).moved, "{code:?} {status}");
        }
    }

    #[test]
    fn a_refusal_by_sts_is_found_under_the_transport_error() {
        let refusal = ErrorMetadata::builder().code("AccessDenied").build();
        let failure = SdkError::<ErrorMetadata, HttpResponse>::construction_failure(
            CredentialsError::provider_error(refusal),
        );
        assert_eq!(without_credentials(&failure).map(|trouble| trouble.kind), Some(Denied));
        let failure = SdkError::<ErrorMetadata, HttpResponse>::construction_failure(
            CredentialsError::not_loaded_no_source(),
        );
        assert_eq!(without_credentials(&failure).map(|trouble| trouble.kind), Some(Misconfigured));
        let failure = CredentialsError::provider_error(failure);
        assert_eq!(without_credentials(&failure).map(|trouble| trouble.kind), Some(Misconfigured));
    }

    #[test]
    fn a_refusal_concerns_the_key_it_names_or_else_the_bucket() {
        const KEY: &str =
            "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let bucket = BucketName::new("trail-logs");
        let role = "User: arn:aws:sts::111122223333:assumed-role/reader/i-1 is not authorized to";
        for message in [
            format!("{role} perform: kms:Decrypt on resource: {KEY} because no policy allows it"),
            format!("{KEY} is disabled."),
            format!("{KEY} is pending deletion."),
            format!("Key '{KEY}' does not exist"),
        ] {
            let trouble = Trouble::new(Denied, "AccessDenied", message, "");
            assert_eq!(trouble.circuit(&bucket), Some(CircuitKey::KmsKey(KEY.to_owned())));
        }
        for (kind, message) in [
            (
                Denied,
                format!("{role} perform: s3:GetObject on resource: arn:aws:s3:::trail-logs/k"),
            ),
            (Denied, "arn:aws:kms:eu-west-1:111122223333:alias/trail".to_owned()),
            (Misconfigured, "The specified bucket does not exist".to_owned()),
        ] {
            let trouble = Trouble::new(kind, "AccessDenied", message, "");
            assert_eq!(trouble.circuit(&bucket), Some(CircuitKey::Bucket(bucket.clone())));
        }
        for kind in [NotFound, Archived, Throttled, Unavailable] {
            let trouble = Trouble::new(kind, "Code", format!("{KEY}: rate exceeded"), "");
            assert_eq!(trouble.circuit(&bucket), None, "{kind}");
        }
    }

    #[test]
    fn messages_become_one_short_line() {
        assert_eq!(shortened("a\n  b\u{1b}[2J\tc."), "a b [2J c");
        assert_eq!(shortened(&"x".repeat(1_000)).len(), MESSAGE_CHARS_MAX);
    }

    #[test]
    fn an_error_says_what_to_do() {
        let trouble = Trouble::new(Denied, "AccessDenied", "no".to_owned(), DENIED.advice);
        let text = trouble.into_port_error("read object", "s3://b/k".to_owned()).chain();
        assert!(
            text.starts_with("failed to read object: access denied: s3://b/k: AccessDenied: no")
        );
        assert!(text.contains("allow s3:GetObject"), "{text}");
    }
}
