//! Metrics and health over HTTP: loopback only, read only, without a body.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use super::{Background, Telemetry, connection::BoundedListener, metrics::CONTENT_TYPE, now};
use crate::error::{FailureKind, ServiceError};

/// An address that only programs on this machine reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopbackAddress(SocketAddr);

/// The text is not an address of this machine only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoopbackAddressError {
    /// It has another form.
    #[error("not an address and a port, such as 127.0.0.1:9464")]
    Malformed,
    /// Others could reach it.
    #[error("{0} is not a loopback address, and who listens beyond loopback needs credentials")]
    NotLoopback(IpAddr),
}

impl FromStr for LoopbackAddress {
    type Err = LoopbackAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = match text.strip_prefix("localhost:") {
            Some(port) => {
                let port = port.parse().map_err(|_| LoopbackAddressError::Malformed)?;
                SocketAddr::from((Ipv4Addr::LOCALHOST, port))
            }
            None => text.parse().map_err(|_| LoopbackAddressError::Malformed)?,
        };
        if !address.ip().is_loopback() {
            return Err(LoopbackAddressError::NotLoopback(address.ip()));
        }
        Ok(Self(address))
    }
}

impl fmt::Display for LoopbackAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A bound address that nothing answers on yet.
#[derive(Debug)]
pub struct StatusServer {
    listener: TcpListener,
    address: LoopbackAddress,
}

impl StatusServer {
    /// Binds the address; port 0 takes a free one.
    pub async fn bind(wanted: LoopbackAddress) -> Result<Self, ServiceError> {
        let failed = |error| {
            let message = format!("failed to listen on {wanted} for metrics: {error}");
            ServiceError::new(FailureKind::Configuration, message)
        };
        let listener = TcpListener::bind(wanted.0).await.map_err(failed)?;
        let address = LoopbackAddress(listener.local_addr().map_err(failed)?);
        Ok(Self { listener, address })
    }

    /// Returns the address with its port.
    pub fn address(&self) -> LoopbackAddress {
        self.address
    }

    /// Answers until what it returns is dropped.
    pub(crate) fn serve(self, telemetry: Arc<Telemetry>) -> Background {
        let listener = BoundedListener::new(self.listener);
        let router = router(telemetry);
        Background(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "stopped to serve metrics");
            }
        }))
    }
}

fn router(telemetry: Arc<Telemetry>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/statusz", get(statusz))
        .with_state(telemetry)
        .layer(middleware::from_fn(guard))
}

async fn metrics(State(telemetry): State<Arc<Telemetry>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], telemetry.encode_metrics()).into_response()
}

async fn livez(State(telemetry): State<Arc<Telemetry>>) -> Response {
    let live = telemetry.health().live(now());
    verdict(live.err().into_iter().collect())
}

async fn readyz(State(telemetry): State<Arc<Telemetry>>) -> Response {
    let troubles = telemetry.health().troubles(now());
    verdict(troubles)
}

fn verdict(troubles: Vec<String>) -> Response {
    if troubles.is_empty() {
        return "ok\n".into_response();
    }
    let reasons = troubles.join("\n") + "\n";
    (StatusCode::SERVICE_UNAVAILABLE, reasons).into_response()
}

async fn statusz(State(telemetry): State<Arc<Telemetry>>) -> Response {
    let document = format!("{:#}\n", telemetry.status_document());
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}

/// Refuses what no scraper sends: a body, and a host name that only a rebound DNS entry brings to
/// loopback, which would let a web page read the answer.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = match refusal(request.headers()) {
        Some((status, reason)) => (status, reason).into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn refusal(headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    if has_body {
        return Some((StatusCode::PAYLOAD_TOO_LARGE, "a request has no body here\n"));
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Some((StatusCode::BAD_REQUEST, "name one host\n"));
    };
    let is_ours = host.to_str().is_ok_and(is_loopback_host);
    (!is_ours).then_some((StatusCode::MISDIRECTED_REQUEST, "not the name of this machine\n"))
}

/// Says whether a `Host` header names loopback, whatever the port.
fn is_loopback_host(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        Some(_) | None => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
